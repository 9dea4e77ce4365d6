// The SignalR clients under test, and the ways in which pages connect. Each test runs for every entry of `clients`;
// another transport, hub protocol or release of the client is one more entry.

import { createRequire } from "node:module";

import * as signalR from "@microsoft/signalr";

import { within } from "./waiting.js";

/** `HttpTransportType`, `JsonHubProtocol` and the rest come from the entry's own `signalR`: releases do not mix. */
export const clients = [
  {
    name: `@microsoft/signalr ${signalR.VERSION}, WebSockets, JSON`,
    signalR,
    transport: signalR.HttpTransportType.WebSockets,
    protocol: () => new signalR.JsonHubProtocol(),
  },
];

/**
 * The two ways to connect (signalr-protocol 2.10). `builder(client, stack, options)` gives a `HubConnectionBuilder`
 * ready for `build()`; `options` are further options of `withUrl`.
 */
export const flows = [
  {
    name: "after the page's own GET of negotiate",
    async builder(client, stack, options) {
      const { url, accessToken } = await stack.negotiate();
      return builder(client, url, { ...options, accessTokenFactory: () => accessToken });
    },
  },
  {
    name: "with the client's own POST to negotiate",
    async builder(client, stack, options) {
      return builder(client, `${stack.host}/api`, options);
    },
  },
];

export const [getFlow, postFlow] = flows;

/** A `HubConnectionBuilder` for `url` that speaks as `client` says. */
export function builder(client, url, options = {}) {
  return new client.signalR.HubConnectionBuilder()
    .withUrl(url, { transport: client.transport, ...options })
    .withHubProtocol(client.protocol())
    .configureLogging(client.signalR.LogLevel.None);
}

/** The `WebSocket` class that the client itself uses on Node, with every socket that it opens kept in `opened`. */
export function recordedWebSocket() {
  const WebSocket = createRequire(import.meta.resolve("@microsoft/signalr"))("ws");
  return class RecordedWebSocket extends WebSocket {
    static opened = [];

    constructor(...args) {
      super(...args);
      RecordedWebSocket.opened.push(this);
    }
  };
}

/** Starts a connection that ends with the test `t`, and keeps what it receives for `targets`. */
export async function connect(t, builder, ...targets) {
  const connection = builder.build();
  t.after(() => connection.stop());
  const inbox = new Inbox(connection, ...targets);
  await connection.start();
  return { connection, inbox };
}

const FENCE = "fence";
const DEADLINE = 10_000;

/** What one connection received for some targets, in order of arrival: each message is `[target, ...arguments]`. */
class Inbox {
  #messages = [];
  #notice = () => {};

  constructor(connection, ...targets) {
    for (const target of [...targets, FENCE]) {
      connection.on(target, (...args) => {
        this.#messages.push([target, ...args]);
        this.#notice();
      });
    }
  }

  /** Waits until there are at least `count` messages, and returns all. */
  async atLeast(count) {
    await this.#until(() => this.#messages.length >= count, `${count} messages`);
    return [...this.#messages];
  }

  /** Waits for a fence, and returns what came before it. */
  async upToFence() {
    await this.#until(() => this.#messages.at(-1)?.[0] === FENCE, "the fence");
    return this.#messages.slice(0, -1);
  }

  #until(condition, wanted) {
    const met = new Promise((resolve) => {
      this.#notice = () => condition() && resolve();
      this.#notice();
    });
    return within(DEADLINE, met, () => `wanted ${wanted}, received ${JSON.stringify(this.#messages)}`);
  }
}

/**
 * Broadcasts one last message and returns what each inbox received before it. A connection receives in the order of
 * sending, so what has not come by then was not sent, and a message that was sent twice is there twice.
 */
export async function receivedBy(stack, ...inboxes) {
  const answer = await stack.broadcast({ target: FENCE, arguments: [] });
  if (answer.status !== 200) throw new Error(`the fence was not sent: ${answer.status} ${answer.body}`);
  return Promise.all(inboxes.map((inbox) => inbox.upToFence()));
}
