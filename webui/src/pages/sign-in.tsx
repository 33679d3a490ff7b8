import { useEffect, useState } from "preact/hooks";

import { api, Refusal, type Session } from "../lib/api";
import { Notice } from "../parts/notice";

/** As the server counts them. */
const MIN_PASSWORD = 12;

/** Between two looks whether the button was pressed. */
const LOOK_MS = 2000;

interface Props {
  session: Session;
  onLook: () => void;
}

/**
 * The first sign-in asks for the claim code, unless somebody just pressed the button, and sets the password; every later
 * one asks for the password.
 */
export function SignIn({ session, onLook }: Props) {
  const { claimed, button: pressed, trouble: needed } = session;
  const [code, setCode] = useState("");
  const [password, setPassword] = useState("");
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  const long = Array.from(password).length >= MIN_PASSWORD;

  useEffect(() => {
    if (claimed) return undefined;
    const timer = setInterval(onLook, LOOK_MS);
    return () => { clearInterval(timer); };
  }, [claimed, onLook]);

  const submit = (event: Event) => {
    event.preventDefault();
    if (!claimed && !long) {
      setTrouble(`The password needs at least ${MIN_PASSWORD} characters. A short sentence is easy to remember.`);
      return;
    }
    setBusy(true);
    setTrouble(undefined);
    (claimed ? api.signIn(password) : api.claim(pressed ? undefined : code, password))
      .then(onLook, (error: unknown) => {
        setTrouble(error instanceof Refusal ? error.message : String(error));
        // Somebody else may have claimed it meanwhile: then the page has to ask for the password.
        if (error instanceof Refusal && error.status === 409) onLook();
      })
      .finally(() => { setBusy(false); });
  };

  return (
    <form class="sign-in panel" onSubmit={submit}>
      <img src="/icon.svg" alt="" width="48" height="48" />
      <h1>{claimed ? "Sign in" : "Make it yours"}</h1>
      <p class="lead">
        {lead(claimed, pressed)}
      </p>
      {needed !== undefined && <Notice tone="refused">{needed}</Notice>}
      {trouble !== undefined && <Notice tone="refused">{trouble}</Notice>}
      {!claimed && !pressed && (
        <label>
          Claim code
          <input
            name="code" value={code} onInput={(event) => { setCode(event.currentTarget.value); }} required
            autoFocus autoComplete="one-time-code" autoCapitalize="characters" spellcheck={false}
            placeholder="ABCD-EFGH-JKMN" class="code" maxLength={20}
          />
        </label>
      )}
      <label>
        {claimed ? "Password" : "New password"}
        <input
          name="password" type="password" value={password} required autoFocus={claimed}
          onInput={(event) => { setPassword(event.currentTarget.value); }}
          autoComplete={claimed ? "current-password" : "new-password"} aria-describedby="password-hint"
        />
      </label>
      {!claimed && (
        <p class={long ? "hint good" : "hint"} id="password-hint">
          {long ? "Long enough." : `At least ${MIN_PASSWORD} characters; length is what counts.`}
        </p>
      )}
      <button type="submit" class="button primary" disabled={busy}>
        {busy ? "One moment…" : claimed ? "Sign in" : "Claim this Nano-Gate"}
      </button>
      <p class="foot">On a phone to install the certificate? <a href="#/trust">Go to Trust</a>, no sign-in needed.</p>
    </form>
  );
}

function lead(claimed: boolean, pressed: boolean) {
  if (claimed) return "This is the Nano-Gate of your office.";
  if (pressed) return "Somebody pressed its button: for two minutes it is yours without the claim code.";
  return "This Nano-Gate has no owner yet. The claim code was printed when it first started; a press of its button does as well.";
}
