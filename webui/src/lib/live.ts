import { useEffect, useReducer, useRef, useState } from "preact/hooks";

import { api } from "./api";
import { EMPTY, feed, type Feed, type FeedAction } from "./feed";
import type { Line } from "./records";

/** Records that say what happened; questions to DNS are many and come only when asked for. */
const WITHOUT_DNS = "connection,request,steer,admin,process,fallback,placeholders";
const WITH_DNS = `${WITHOUT_DNS},dns`;

/** New records are shown together at most this often, so that a burst does not redraw the page a hundred times. */
const BATCH_MS = 150;

export interface Live {
  feed: Feed;
  dispatch: (action: FeedAction) => void;
  connected: boolean;
}

/** Follows the journals: the newest records, then each as it is written. `onRecords` hears that there were some. */
export function useLive(dns: boolean, onRecords: () => void): Live {
  const [state, dispatch] = useReducer(feed, EMPTY);
  const [connected, setConnected] = useState(false);
  const notify = useRef(onRecords);
  notify.current = onRecords;

  useEffect(() => {
    const kinds = dns ? WITH_DNS : WITHOUT_DNS;
    const source = new EventSource(`/api/v1/events?kinds=${kinds}`);
    let arrived: Line[] = [];
    let timer: number | undefined;
    const flush = () => {
      timer = undefined;
      dispatch({ type: "add", lines: arrived });
      arrived = [];
      notify.current();
    };
    source.addEventListener("open", () => {
      setConnected(true);
      // The stream is open first, so nothing falls between; what comes twice is shown once.
      api.records(kinds).then(
        ({ records }) => { dispatch({ type: "add", lines: records }); },
        () => { setConnected(false); },
      );
    });
    source.addEventListener("error", () => { setConnected(false); });
    source.addEventListener("record", (event) => {
      arrived.unshift(JSON.parse(event.data as string) as Line);
      timer ??= window.setTimeout(flush, BATCH_MS);
    });
    return () => {
      source.close();
      window.clearTimeout(timer);
    };
  }, [dns]);

  return { feed: state, dispatch, connected };
}
