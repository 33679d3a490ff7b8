import { useEffect, useRef, useState } from "preact/hooks";

/** Text to be copied, with the button that does it. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const code = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (state === "idle") return;
    const timer = window.setTimeout(() => { setState("idle"); }, 2000);
    return () => { window.clearTimeout(timer); };
  }, [state]);
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => { setState("copied"); },
      () => { select(code.current); setState("failed"); },
    );
  };
  const words = { idle: "Copy", copied: "Copied", failed: "Selected: press Ctrl-C" }[state];
  return (
    <div class="copy">
      <pre ref={code} tabIndex={0} aria-label={label}>{text}</pre>
      <button type="button" class="button small" onClick={copy} aria-label={`${words}: ${label}`}>{words}</button>
    </div>
  );
}

/** Where the page may not use the clipboard, the text is at least selected. */
function select(element: HTMLElement | null) {
  const selection = window.getSelection();
  if (element) selection?.selectAllChildren(element);
}
