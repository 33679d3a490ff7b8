import { useEffect, useState } from "preact/hooks";

/** The pages, by the part of the address behind `#/`. */
export const PAGES = ["overview", "policy", "trust", "tokens"] as const;
export type Page = (typeof PAGES)[number];

export function pageOf(hash: string): Page {
  const word = hash.replace(/^#\/?/, "");
  return PAGES.find((page) => page === word) ?? "overview";
}

/** The page that the address names, and names again when it changes. */
export function usePage(): Page {
  const [page, setPage] = useState(() => pageOf(location.hash));
  useEffect(() => {
    const follow = () => {
      setPage(pageOf(location.hash));
      window.scrollTo(0, 0);
    };
    window.addEventListener("hashchange", follow);
    return () => {
      window.removeEventListener("hashchange", follow);
    };
  }, []);
  return page;
}
