// What a client outside this process says of itself, and how to wait for it. An event has a name, `event`, and details.

import { within } from "./waiting.js";

const DEADLINE = 15_000;

export class Reports {
  #events = [];
  #notice = () => {};
  #describe;

  /** `describe()` tells what else is known of the client when it is waited for in vain. */
  constructor(describe) {
    this.#describe = describe;
  }

  add(event) {
    this.#events.push(event);
    this.#notice();
  }

  /** Waits until the client has been connected `times` times. */
  connected(times = 1) {
    return this.#until(() => this.#all("opened").length >= times, `${times} connections`);
  }

  /** Waits until the client has noticed that its connection is lost. */
  reconnecting() {
    return this.#until(() => this.#all("reconnecting").length > 0, "to reconnect");
  }

  /** Waits until the client says that it has closed, and returns its reason, if any. */
  async closed() {
    await this.#until(() => this.#all("closed").length > 0, "to be closed");
    return this.#all("closed")[0].reason;
  }

  /** Waits until the client says that it was refused, and returns what it says of it. */
  async refused() {
    await this.#until(() => this.#all("refused").length > 0, "to be refused");
    return this.#all("refused")[0].reason;
  }

  /** Waits until `target` has been received, and returns all messages up to then: `[target, ...arguments]` each. */
  async receivedUpTo(target) {
    const received = () => this.#all("received").map(({ message }) => message);
    await this.#until(() => received().some(([name]) => name === target), target);
    return received();
  }

  /** Waits for `ended`; the rest of this class goes on waiting until then, or until its own deadline. */
  until(ended, wanted) {
    return within(DEADLINE, ended, () => this.describe(wanted));
  }

  describe(wanted) {
    const last = JSON.stringify(this.#events.slice(-20));
    return `wanted ${wanted}, the client reported ${this.#events.length} events, at last ${last}${this.#describe()}`;
  }

  #all(wanted) {
    return this.#events.filter(({ event }) => event === wanted);
  }

  #until(condition, wanted) {
    const met = new Promise((resolve) => {
      this.#notice = () => condition() && resolve();
      this.#notice();
    });
    return this.until(met, wanted);
  }
}
