/** What is said of block lists. */

import type { BlockList } from "./api";
import { plural } from "./format";

/** `12,000 names, 3 lines not understood` */
export function listWords(list: BlockList): string {
  const foreign = list.foreign_lines > 0 ? `, ${plural(list.foreign_lines, "line")} not understood` : "";
  return `${plural(list.names, "name")}${foreign}`;
}

/** The last part of a path or an address; the whole is its title. */
export function listName(list: BlockList): string {
  return list.list.split("/").filter((part) => part !== "").pop() ?? list.list;
}
