// Who is connected, asked of the function app: when this page comes or goes, now and then while it is connected and looked at,
// and on demand.

import { useCallback, useEffect, useRef, useState } from "react";

import { type Api, ApiError } from "./api";
import type { Presence } from "./generated/api";
import type { Phase } from "./live";

/** How often it is asked, in milliseconds. */
const INTERVAL = 10_000;
/** A new connection is not listed at once: the service tells the function app of it first. */
const SOON = 500;

export interface PresenceState {
  answer: Presence | undefined;
  failure: string | undefined;
  refresh: () => Promise<void>;
}

export function usePresence(api: Api, phase: Phase): PresenceState {
  const [answer, setAnswer] = useState<Presence>();
  const [failure, setFailure] = useState<string>();
  const isRefused = useRef(false);
  const refresh = useCallback(async () => {
    try {
      setAnswer(await api.presence());
      setFailure(undefined);
      isRefused.current = false;
    } catch (error) {
      setAnswer(undefined);
      isRefused.current = error instanceof ApiError && error.status >= 400 && error.status < 500;
      setFailure(explain(error));
    }
  }, [api]);

  const connectionId = phase.name === "connected" ? phase.connectionId : undefined;
  useEffect(() => {
    const soon = setTimeout(() => void refresh(), SOON);
    if (connectionId === undefined) return () => clearTimeout(soon);
    // Whoever is refused would be refused again, until somebody else asks.
    const look = () => document.visibilityState === "visible" && !isRefused.current && void refresh();
    const often = setInterval(look, INTERVAL);
    return () => {
      clearTimeout(soon);
      clearInterval(often);
    };
  }, [connectionId, refresh]);

  return { answer, failure, refresh };
}

function explain(error: unknown): string {
  if (error instanceof ApiError && error.status === 404) return "This function app does not tell.";
  return error instanceof Error ? error.message : String(error);
}
