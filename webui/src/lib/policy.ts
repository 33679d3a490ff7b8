/** Policies to begin with, for who has none. The format is told in full in `policy.example.yaml`. */

export interface Starter {
  id: string;
  name: string;
  meaning: string;
  text: string;
}

export const STARTERS: Starter[] = [
  {
    id: "watch",
    name: "Watch everybody",
    meaning: "AI works as before. The journal keeps who talked to which provider, and how much.",
    text: "version: 1\n\ndefault_mode: watch\n",
  },
  {
    id: "pilot",
    name: "Inspect a few devices",
    meaning: "Theirs is read, secrets and personal data are taken out. Everybody else is watched.",
    text: `version: 1

groups:
  - name: pilot
    # The addresses of these devices; the certificate has to be installed on each (see Trust).
    clients: [192.0.2.11, 192.0.2.12]
    mode: inspect

default_mode: watch
`,
  },
  {
    id: "inspect",
    name: "Inspect everybody",
    meaning: "A program that does not trust the certificate is told so; after two refusals it is watched for a day.",
    text: `version: 1

default_mode: inspect

# Instead of what each rule says. Among the kinds: email, card, iban, phone, api_key, private_key, password.
findings:
  - kb: kb1-secrets
    min_confidence: 90
    action: deny
  - kind: email
    action: redact

# What nobody can read, such as pictures and archives.
unread:
  opaque: alert
`,
  },
  {
    id: "deny",
    name: "No AI",
    meaning: "Every AI provider is refused, for everybody but a group that you name.",
    text: `version: 1

groups:
  - name: may use AI
    clients: [192.0.2.11]
    mode: inspect

default_mode: deny
`,
  },
];

/** The line that a refusal speaks of, counted from 1. */
export function lineOf(detail: string): number | undefined {
  const line = /\bline (\d+)/.exec(detail)?.[1];
  return line === undefined ? undefined : Number(line);
}

/** Where a line stands in a text, for who selects it. */
export function rangeOf(text: string, line: number): [number, number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return [Math.min(start, text.length), Math.min(start + (lines[line - 1] ?? "").length, text.length)];
}
