// How long a lost connection is tried for: up to about a minute, soon at first, then every few seconds.
//
// Each delay is a random one. All clients of a service that is restarted lose their connections in the same moment, and would
// come back in the same moments too.

import type { IRetryPolicy, RetryContext } from "@microsoft/signalr";

/** The longest delay before each attempt, in seconds; the shortest is half of it. */
const SECONDS = [2, 2, 4, 8, 8, 8, 8, 8, 8, 8];

interface Listener {
  /** Hears of each attempt before it is made; the first one is 1. */
  attempting: (attempt: number) => void;
  /** Hears why the last attempt failed, of which SignalR's client says nothing. */
  givingUp: (error: Error) => void;
}

export class Retries implements IRetryPolicy {
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  nextRetryDelayInMilliseconds({ previousRetryCount, retryReason }: RetryContext): number | null {
    const seconds = SECONDS[previousRetryCount];
    if (seconds === undefined) {
      this.#listener.givingUp(retryReason);
      return null;
    }
    this.#listener.attempting(previousRetryCount + 1);
    return (seconds - (Math.random() * seconds) / 2) * 1000;
  }
}
