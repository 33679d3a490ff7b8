import { clock, iso } from "../lib/format";
import { describe, type Line } from "../lib/records";
import { Pill } from "./pill";

/** The live feed, newest first. Not announced line by line: a busy office would talk without end. */
export function FeedList({ lines }: { lines: readonly Line[] }) {
  if (lines.length === 0) return <p class="empty">Nothing yet. What happens from now on shows here.</p>;
  return (
    <ol class="feed">
      {lines.map((line) => <Row key={line.id} line={line} />)}
    </ol>
  );
}

function Row({ line }: { line: Line }) {
  const words = describe(line);
  return (
    <li>
      <time dateTime={iso(line.record.at)}>{clock(line.record.at)}</time>
      <Pill tone={words.tone}>{words.label}</Pill>
      <span class="feed-title">{words.title}</span>
      <span class="feed-detail">{words.detail}</span>
    </li>
  );
}
