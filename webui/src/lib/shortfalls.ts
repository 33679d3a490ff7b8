import type { Shortfalls } from "./api";
import { count } from "./format";

const NAMES: [keyof Shortfalls, string][] = [
  ["unread_answers", "answers whose tokens could not be read"],
  ["unedited_answers", "answers that kept their placeholders"],
  ["passed_with_ech", "connections with a name that may cover another"],
  ["refused_with_ech", "connections refused for such a name"],
  ["journal_failures", "records that the journal did not take"],
];

/** What there is to say, as one line; empty where all went as it should. */
export function shortfallWords(shortfalls: Shortfalls): string {
  return NAMES.filter(([name]) => shortfalls[name] > 0)
    .map(([name, words]) => `${words}: ${count(shortfalls[name])}`)
    .join(", ");
}
