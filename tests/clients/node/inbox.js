// What a connection received, and how to wait for it.

import { within } from "./waiting.js";

const FENCE = "fence";
const DEADLINE = 10_000;

/** What one connection received for some targets, in order of arrival: each message is `[target, ...arguments]`. */
export class Inbox {
  #messages = [];
  #notice = () => {};

  /** `connection` is anything with SignalR's `on(target, callback)`. */
  constructor(connection, ...targets) {
    for (const target of [...targets, FENCE]) {
      connection.on(target, (...args) => {
        this.#messages.push([target, ...args]);
        this.#notice();
      });
    }
  }

  /** Waits until there are at least `count` messages, and returns all. */
  async atLeast(count, deadline = DEADLINE) {
    await this.#until(deadline, () => this.#messages.length >= count, `${count} messages`);
    return [...this.#messages];
  }

  /** Waits for a fence, and returns what came before it. */
  async upToFence() {
    await this.#until(DEADLINE, () => this.#messages.at(-1)?.[0] === FENCE, "the fence");
    return this.#messages.slice(0, -1);
  }

  #until(deadline, condition, wanted) {
    const met = new Promise((resolve) => {
      this.#notice = () => condition() && resolve();
      this.#notice();
    });
    return within(deadline, met, () => `wanted ${wanted}, received ${this.#summary()}`);
  }

  #summary() {
    const last = this.#messages.slice(-20);
    return `${this.#messages.length}, at last ${JSON.stringify(last)}`;
  }
}

/**
 * Broadcasts one last message and returns what each inbox received before it. A connection receives in the order of
 * sending, so what has not come by then was not sent, and a message that was sent twice is there twice.
 */
export async function receivedBy(stack, ...inboxes) {
  await stack.service.sendToAll(FENCE);
  return Promise.all(inboxes.map((inbox) => inbox.upToFence()));
}
