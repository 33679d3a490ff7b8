import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { api, type Policy as Kept, Refusal } from "../lib/api";
import { lineOf, rangeOf, STARTERS } from "../lib/policy";
import { Notice } from "../parts/notice";
import { Panel } from "../parts/panel";

/** What became of the last try to save. */
interface Outcome { tone: "inspected" | "refused"; words: string; warnings: string[] }

/** Who may use which AI, as text: what is saved is checked first, and in force a moment later. */
export function Policy({ onSignedOut }: { onSignedOut: () => void }) {
  const [kept, setKept] = useState<Kept>();
  const [text, setText] = useState("");
  const [outcome, setOutcome] = useState<Outcome>();
  const [saving, setSaving] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);

  const fail = useCallback((error: unknown) => {
    if (error instanceof Refusal && error.status === 401) { onSignedOut(); return; }
    const words = error instanceof Refusal ? error.message : String(error);
    setOutcome({ tone: "refused", words, warnings: [] });
  }, [onSignedOut]);
  const load = useCallback(() => {
    api.policy().then((policy) => { setKept(policy); setText(policy.text); setOutcome(undefined); }, fail);
  }, [fail]);
  useEffect(load, [load]);

  if (!kept) return outcome ? <Notice tone="refused">{outcome.words}</Notice> : null;
  const changed = text !== kept.text;
  const save = (event: Event) => {
    event.preventDefault();
    setSaving(true);
    api.replacePolicy(text, kept.revision).then(({ revision, warnings }) => {
      setKept({ ...kept, text, revision });
      setOutcome({ tone: "inspected", words: "Saved. The journal notes it.", warnings });
    }, (error: unknown) => {
      fail(error);
      const line = error instanceof Refusal ? lineOf(error.message) : undefined;
      if (line === undefined) return;
      field.current?.focus();
      field.current?.setSelectionRange(...rangeOf(text, line));
    }).finally(() => { setSaving(false); });
  };

  return (
    <div class="policy">
      <div class="hero">
        <p class="eyebrow">Policy</p>
        <h1>Who may use which AI, and what may leave.</h1>
        <p class="lead">
          {kept.text === ""
            ? "There is none yet: everybody is watched, and nothing is denied. Begin with one of these."
            : "Each device is watched, inspected or refused; rules and findings say the rest."}
        </p>
      </div>
      {kept.file === null
        ? <Starters onChoose={(starter) => { setText(starter); setOutcome(undefined); }} changed={changed} />
        : <Notice tone="quiet">It is kept in the file {kept.file} on this machine, and can be changed only there.</Notice>}
      <Panel id="text" title="The policy" wide>
        <form class="policy-text" onSubmit={save}>
          <textarea
            ref={field} name="policy" aria-labelledby="text" rows={24} wrap="off" spellcheck={false} autocomplete="off"
            value={text} readOnly={kept.file !== null}
            onInput={(event) => { setText(event.currentTarget.value); }}
          />
          {outcome && <Notice tone={outcome.tone}>{outcome.words}</Notice>}
          {outcome?.warnings.map((warning) => <Notice key={warning} tone="changed">{warning}</Notice>)}
          {kept.file === null && (
            <div class="actions">
              <button type="submit" class="button primary" disabled={!changed || saving}>Check and save</button>
              <button type="button" class="button" onClick={load}>{changed ? "Undo" : "Load again"}</button>
            </div>
          )}
        </form>
      </Panel>
    </div>
  );
}

function Starters({ onChoose, changed }: { onChoose: (text: string) => void; changed: boolean }) {
  const choose = (text: string) => {
    if (changed && !window.confirm("Replace what you have written and not saved?")) return;
    onChoose(text);
  };
  return (
    <Panel id="starters" title="To begin with" wide>
      <div class="downloads">
        {STARTERS.map((starter) => (
          <button key={starter.id} type="button" class="download" onClick={() => { choose(starter.text); }}>
            <strong>{starter.name}</strong>
            <span class="hint">{starter.meaning}</span>
          </button>
        ))}
      </div>
      <p class="hint">A choice is written into the field below. Nothing changes before you save it.</p>
    </Panel>
  );
}
