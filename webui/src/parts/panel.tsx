import type { ComponentChildren } from "preact";

interface Props {
  id: string;
  title: string;
  /** Beside the title: a number, a button. */
  aside?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}

/** One box of a page, a region of its own. */
export function Panel({ id, title, aside, wide, children }: Props) {
  return (
    <section class={wide ? "panel wide" : "panel"} aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
