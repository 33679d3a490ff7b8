/** Numbers, sizes and times for people. Pure: the time now comes in. */

const COUNT = new Intl.NumberFormat("en");

export function count(value: number): string {
  return COUNT.format(value);
}

/** Millionths of a currency: `$1.23`, and `under $0.01` for what is less than that and more than nothing. */
export function money(micros: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return micros > 0 && micros < 10_000 ? `under ${format.format(0.01)}` : format.format(micros / 1e6);
}

/** `1 rule`, `2 rules` */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

/** Decimal units, as network people count: `12.3 kB`. */
export function bytes(value: number): string {
  return scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** `450 µs`, `1.2 ms`, `3.4 s`, `2 min` */
export function duration(micros: number): string {
  if (micros < 999_500) return scaled(micros, 1000, ["µs", "ms"]);
  const seconds = micros / 1e6;
  if (seconds < 60) return `${short(seconds)} s`;
  return age(seconds);
}

/** `45 s`, `12 min`, `5 h`, `3 days` */
export function age(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

/** `just now`, `12 min ago` */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1e6);
  return seconds < 10 ? "just now" : `${age(seconds)} ago`;
}

/** `14:05:09` in the reader's own time zone. */
export function clock(at: number): string {
  return new Date(at / 1000).toLocaleTimeString("en-GB");
}

/** `14:05` in the reader's own time zone. */
export function hour(at: number): string {
  return new Date(at / 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** `21 November 2026` in the reader's own time zone. */
export function day(at: number): string {
  return new Date(at / 1000).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

export function iso(at: number): string {
  return new Date(at / 1000).toISOString();
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0;
  // 999.5 and up would be written as 1000.
  while (value >= step - 0.5 && unit < units.length - 1) {
    value /= step;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : short(value)} ${units[unit] ?? ""}`;
}

/** Three digits at most. */
function short(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
}
