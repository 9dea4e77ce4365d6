// How long a lost connection is tried for: about a minute, soon at first, then every eight seconds.

import type { IRetryPolicy, RetryContext } from "@microsoft/signalr";

const SECONDS = [0, 1, 2, 4, 8, 8, 8, 8, 8, 8];

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
    return seconds * 1000;
  }
}
