import { useCallback, useEffect, useState } from "preact/hooks";

import { api, Refusal, type Session } from "./lib/api";
import { type Page, PAGES, usePage } from "./lib/route";
import { Overview } from "./pages/overview";
import { Policy } from "./pages/policy";
import { SignIn } from "./pages/sign-in";
import { Tokens } from "./pages/tokens";
import { Trust } from "./pages/trust";
import { Notice } from "./parts/notice";

const TITLES: Record<Page, string> = { overview: "Overview", policy: "Policy", trust: "Trust", tokens: "Tokens" };

/** Who is here, and which page they want. Trust is open to the whole office: phones fetch the certificate there. */
export function App() {
  const page = usePage();
  const [session, setSession] = useState<Session>();
  const [trouble, setTrouble] = useState<string>();

  const look = useCallback(() => {
    api.session().then(
      (now) => { setSession(now); setTrouble(undefined); },
      (error: unknown) => { setTrouble(error instanceof Refusal ? error.message : String(error)); },
    );
  }, []);
  useEffect(look, [look]);
  useEffect(() => {
    document.title = `${TITLES[page]} · Nano-Gate`;
  }, [page]);

  if (trouble !== undefined) {
    return (
      <main class="alone">
        <Notice tone="refused">{trouble}</Notice>
        <button type="button" class="button" onClick={look}>Try again</button>
      </main>
    );
  }
  if (!session) return null;
  const open = session.signed_in || page === "trust";
  return (
    <>
      <Header page={page} session={session} onSignedOut={look} />
      <main id="main" tabIndex={-1}>
        {!open && <SignIn session={session} onLook={look} />}
        {open && page === "overview" && <Overview onSignedOut={look} />}
        {open && page === "policy" && <Policy onSignedOut={look} />}
        {open && page === "trust" && <Trust signedIn={session.signed_in} />}
        {open && page === "tokens" && <Tokens onSignedOut={look} />}
      </main>
    </>
  );
}

function Header({ page, session, onSignedOut }: { page: Page; session: Session; onSignedOut: () => void }) {
  const signOut = () => { api.signOut().finally(onSignedOut).catch(() => undefined); };
  const pages = session.signed_in ? PAGES : (["overview", "trust"] as const);
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={skip}>Skip to content</a>
      <a class="brand" href="#/overview">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>Nano-Gate</span>
      </a>
      <nav aria-label="Pages">
        {pages.map((one) => (
          <a key={one} href={`#/${one}`} aria-current={one === page ? "page" : undefined}>
            {one === "overview" && !session.signed_in ? "Sign in" : TITLES[one]}
          </a>
        ))}
      </nav>
      {session.signed_in && <button type="button" class="button quiet" onClick={signOut}>Sign out</button>}
    </header>
  );
}

/** The address names the page, so the jump is made by hand. */
function skip(event: Event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
