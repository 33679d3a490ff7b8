import { useEffect, useState } from "preact/hooks";

import { api, type Authority, Refusal, type Successor } from "../lib/api";
import { day, plural } from "../lib/format";
import { fetching, type Runtime, runtimes } from "../lib/snippets";
import type { Tone } from "../lib/records";
import { Copy } from "../parts/copy";
import { Notice } from "../parts/notice";
import { Panel } from "../parts/panel";

const FORMS = [
  { file: "nanogate.pem", name: "PEM", use: "Linux, macOS, Node, Python, Java" },
  { file: "nanogate.crt", name: "DER", use: "Windows, Android" },
  { file: "nanogate.mobileconfig", name: "Profile", use: "iPhone, iPad" },
];

/** The certificate authority: what it can do, how to check it, how to trust it, how to stop. Open to the whole office. */
export function Trust({ signedIn }: { signedIn: boolean }) {
  const [authority, setAuthority] = useState<Authority>();
  const [trouble, setTrouble] = useState<string>();
  useEffect(() => {
    api.authority().then(setAuthority, (error: unknown) => {
      setTrouble(error instanceof Refusal ? error.message : String(error));
    });
  }, []);
  if (!authority) return trouble === undefined ? null : <Notice tone="refused">{trouble}</Notice>;
  return (
    <div class="trust">
      <div class="hero">
        <p class="eyebrow">Trust</p>
        <h1>One certificate makes a device inspectable.</h1>
        <p class="lead">
          A device that trusts this certificate lets Nano-Gate read its AI traffic, and only that. Install it only where
          the person using the device has agreed. A device without it can only be watched.
        </p>
      </div>
      <Panel id="check" title="1 · Check it is ours" wide>
        <p>
          Compare this fingerprint with what <code>nanogate ca show</code> prints on the device itself. If one character
          differs, do not install.
        </p>
        <Copy text={authority.fingerprint_sha256} label="SHA-256 fingerprint" />
        <Limits authority={authority} />
      </Panel>
      <Panel id="download" title="2 · Download" wide>
        <div class="downloads">
          {FORMS.map((form) => (
            <a key={form.file} class="download" href={`/ca/${form.file}`} download={form.file}>
              <strong>{form.name}</strong>
              <span>{form.file}</span>
              <span class="hint">{form.use}</span>
            </a>
          ))}
        </div>
        <p class="hint">Or on the command line, with the fingerprint printed to compare:</p>
        <Copy text={fetching(location.origin)} label="Download and show the fingerprint" />
      </Panel>
      {authority.locked && (
        <Notice tone="refused">
          The key of the certificate in force cannot be opened, so inspected devices are refused. The overview says what is
          to be put back; if that is lost, let the successor below take over.
        </Notice>
      )}
      {authority.next && <Next authority={authority} next={authority.next} signedIn={signedIn} />}
      <Panel id="install" title="3 · Install, one step for each runtime" wide>
        <div class="runtimes">
          {runtimes(location.origin).map((runtime) => <Steps key={runtime.id} runtime={runtime} />)}
        </div>
      </Panel>
    </div>
  );
}

function Limits({ authority }: { authority: Authority }) {
  const names = authority.permitted_names;
  return (
    <details class="limits">
      <summary>
        It can sign for {plural(names.length, "name")} and nothing else, until {day(authority.not_after)}
      </summary>
      <p class="hint">
        The limit is written into the certificate (“{authority.subject}”), so your bank, your mail and everything else
        stay out of its reach whatever happens to this device.
      </p>
      <ul class="names">{names.map((name) => <li key={name}>{name}</li>)}</ul>
    </details>
  );
}

/** Why there is one. */
function reason(authority: Authority, next: Successor) {
  const missing = authority.missing_names.length;
  if (authority.locked) return `The certificate in force issues nothing any more. Its successor lasts until ${day(next.not_after)}.`;
  if (missing === 0) return `The certificate in force ends on ${day(authority.not_after)}; its successor on ${day(next.not_after)}.`;
  return `The certificate in force leaves out ${plural(missing, "name")} of AI providers that came later: there, devices are
    only watched. Its successor covers them, until ${day(next.not_after)}.`;
}

/** The authority that follows: what it is for, and what to do before it takes over. */
function Next({ authority, next, signedIn }: { authority: Authority; next: Successor; signedIn: boolean }) {
  const missing = authority.missing_names;
  return (
    <Panel id="next" title="A successor waits" wide>
      <p>{reason(authority, next)}</p>
      {missing.length > 0 && <ul class="names">{missing.map((name) => <li key={name}>{name}</li>)}</ul>}
      <p>Install it beside the one in force on every device, and then let it take over:</p>
      <Copy text={next.fingerprint_sha256} label="SHA-256 fingerprint of the successor" />
      <div class="downloads">
        {FORMS.map((form) => {
          const file = form.file.replace("nanogate", "nanogate-next");
          return (
            <a key={file} class="download" href={`/ca/${file}`} download={file}>
              <strong>{form.name}</strong>
              <span>{file}</span>
              <span class="hint">{form.use}</span>
            </a>
          );
        })}
      </div>
      {signedIn
        ? <TakeOver next={next} />
        : <p class="hint">Whoever is signed in lets it take over on this page.</p>}
    </Panel>
  );
}

const QUESTION = `A device that has not installed the successor is refused by every AI service that is inspected, until it has.
Has every device installed it?`;

/** How often, a second apart, the page looks whether the successor is in force. */
const LOOKS = 20;

/** The last step: proxy and page start again with the successor. */
function TakeOver({ next }: { next: Successor }) {
  const [state, setState] = useState<{ tone: Tone; words: string }>();
  const fail = (error: unknown) => { setState({ tone: "refused", words: error instanceof Refusal ? error.message : String(error) }); };
  const look = (left: number) => {
    if (left === 0) {
      const words = `This page does not come back with it. If your browser warns of the certificate, this device has not
        installed the successor yet.`;
      setState({ tone: "changed", words });
      return;
    }
    const again = () => { setTimeout(() => { look(left - 1); }, 1000); };
    api.authority().then((now) => {
      if (now.fingerprint_sha256 === next.fingerprint_sha256) location.reload();
      else again();
    }, again);
  };
  const start = () => {
    if (!window.confirm(QUESTION)) return;
    setState({ tone: "quiet", words: "It takes over now. The page starts again with it; this takes some seconds." });
    api.activateSuccessor(next.fingerprint_sha256).then(() => { look(LOOKS); }, fail);
  };
  return (
    <>
      {state && <Notice tone={state.tone}>{state.words}</Notice>}
      <div class="actions">
        <button type="button" class="button primary" disabled={state?.tone === "quiet"} onClick={start}>
          Let it take over
        </button>
      </div>
    </>
  );
}

function Steps({ runtime }: { runtime: Runtime }) {
  return (
    <details name="runtime" id={`runtime-${runtime.id}`}>
      <summary>{runtime.name}</summary>
      <p>{runtime.note}</p>
      <Copy text={runtime.install} label={`Install on ${runtime.name}`} />
      <p class="hint">To remove it again:</p>
      <Copy text={runtime.remove} label={`Remove from ${runtime.name}`} />
    </details>
  );
}
