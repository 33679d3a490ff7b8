import { useCallback, useEffect, useState } from "preact/hooks";

import { api, Refusal, type Scope, type Token } from "../lib/api";
import { day } from "../lib/format";
import { Copy } from "../parts/copy";
import { Notice } from "../parts/notice";
import { Panel } from "../parts/panel";

const SCOPES: { scope: Scope; name: string; use: string }[] = [
  { scope: "inspect", name: "Inspection", use: "POST /api/v1/inspect, for a gateway you already have" },
  { scope: "metrics", name: "Metrics", use: "GET /metrics, for Prometheus" },
  { scope: "proxy", name: "Proxy", use: "the CONNECT proxy, with the name as user and the token as password" },
];

/** Keys for programs. A secret is shown once and kept nowhere. */
export function Tokens({ onSignedOut }: { onSignedOut: () => void }) {
  const [tokens, setTokens] = useState<Token[]>();
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const [trouble, setTrouble] = useState<string>();

  const fail = useCallback((error: unknown) => {
    if (error instanceof Refusal && error.status === 401) onSignedOut();
    else setTrouble(error instanceof Refusal ? error.message : String(error));
  }, [onSignedOut]);
  const load = useCallback(() => {
    api.tokens().then((list) => { setTokens(list.tokens); }, fail);
  }, [fail]);
  useEffect(load, [load]);

  const create = (name: string, scopes: Scope[]) =>
    api.createToken(name, scopes).then((token) => {
      setTrouble(undefined);
      setMade({ name: token.name, secret: token.secret });
      load();
      return true;
    }, (error: unknown) => { fail(error); return false; });
  const revoke = (token: Token) => {
    if (!window.confirm(`Revoke “${token.name}”? Programs that use it stop working at once.`)) return;
    api.revokeToken(token.id).then(load, fail);
  };

  return (
    <div class="tokens">
      <div class="hero">
        <p class="eyebrow">Tokens</p>
        <h1>Keys for programs.</h1>
        <p class="lead">One for each program, so that any of them can be ended alone.</p>
      </div>
      {trouble !== undefined && <Notice tone="refused">{trouble}</Notice>}
      {made && (
        <Panel id="made" title={`New token “${made.name}”`} wide>
          <p>Copy it now: it is not shown again. It goes into the header <code>Authorization: Bearer …</code></p>
          <Copy text={made.secret} label={`Secret of ${made.name}`} />
        </Panel>
      )}
      <NewToken onCreate={create} />
      <Panel id="list" title="Tokens in use" wide>
        {tokens?.length === 0 && <p class="empty">None yet.</p>}
        <ul class="rows">
          {tokens?.map((token) => (
            <li key={token.id}>
              <strong>{token.name}</strong>
              <span class="row-detail">{token.scopes.join(" · ")} – since {day(token.created_at)}</span>
              <button type="button" class="button small danger" onClick={() => { revoke(token); }}>
                Revoke<span class="unseen"> {token.name}</span>
              </button>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}

function NewToken({ onCreate }: { onCreate: (name: string, scopes: Scope[]) => Promise<boolean> }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["inspect"]);
  const toggle = (scope: Scope) => {
    setScopes(scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope]);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    onCreate(name, scopes).then((created) => { if (created) setName(""); }, () => undefined);
  };
  return (
    <Panel id="new" title="New token" wide>
      <form class="new-token" onSubmit={submit}>
        <label>
          Name of the program
          <input
            name="name" value={name} required maxLength={64} placeholder="edge gateway" autoComplete="off"
            onInput={(event) => { setName(event.currentTarget.value); }}
          />
        </label>
        <fieldset>
          <legend>What it opens</legend>
          {SCOPES.map(({ scope, name: words, use }) => (
            <label key={scope} class="check">
              <input type="checkbox" checked={scopes.includes(scope)} onChange={() => { toggle(scope); }} />
              <span>{words} <span class="hint">{use}</span></span>
            </label>
          ))}
        </fieldset>
        <button type="submit" class="button primary" disabled={scopes.length === 0}>Create</button>
      </form>
    </Panel>
  );
}
