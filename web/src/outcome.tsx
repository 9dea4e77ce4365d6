// What became of something that the person at the page has asked for.

import { useCallback, useState } from "react";

export type State = { state: "none" | "waiting" } | { state: "done" | "failed"; text: string };

/** Keeps what became of the last attempt. `attempt` says whether it went well. */
export function useOutcome() {
  const [outcome, setOutcome] = useState<State>({ state: "none" });
  const attempt = useCallback(async (work: Promise<unknown>, success: string) => {
    setOutcome({ state: "waiting" });
    try {
      await work;
      setOutcome({ state: "done", text: success });
      return true;
    } catch (error) {
      setOutcome({ state: "failed", text: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }, []);
  const forget = useCallback(() => setOutcome({ state: "none" }), []);
  return { outcome, attempt, forget };
}

/** Says it in one line. The line is there before it says something, or screen readers would miss it. */
export function Outcome({ outcome }: { outcome: State }) {
  return (
    <p role="status" className="outcome" data-state={outcome.state}>
      {"text" in outcome && outcome.text}
    </p>
  );
}
