// Connections of Microsoft's client to the test hub, one for each transport and hub protocol.

import * as signalR from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

import { within } from "../waiting.js";

const DEADLINE = 10_000;

const protocols = { JSON: () => new signalR.JsonHubProtocol(), MessagePack: () => new MessagePackHubProtocol() };

export const transports = ["WebSockets", "ServerSentEvents", "LongPolling"];

/** Server-Sent Events are text (signalr-protocol 3.3 item 5). */
export const ways = transports.flatMap((transport) =>
  Object.keys(protocols)
    .filter((protocol) => transport !== "ServerSentEvents" || protocol === "JSON")
    .map((protocol) => ({ transport, protocol, name: `${protocol} over ${transport}` })),
);

/** A builder for `url`; without a transport the client chooses. */
export function builder(url, { transport, protocol = "JSON" } = {}, options = {}) {
  return new signalR.HubConnectionBuilder()
    .withUrl(url, { transport: signalR.HttpTransportType[transport], ...options })
    .withHubProtocol(protocols[protocol]())
    .configureLogging(signalR.LogLevel.None);
}

/** Starts what a builder builds. It ends with the test `t`; `closed` is what it ends with. */
export async function connect(t, builder, prepare = () => {}) {
  const connection = builder.build();
  connection.closed = new Promise((resolve) => connection.onclose(resolve));
  t.after(() => connection.stop());
  prepare(connection);
  await connection.start();
  return connection;
}

/** What a stream gives: its items, and its error if it fails. */
export function collect(stream) {
  const items = [];
  const ended = new Promise((resolve) => {
    stream.subscribe({
      next: (item) => items.push(item),
      complete: () => resolve({ items }),
      error: (error) => resolve({ items, error: error.message }),
    });
  });
  return within(DEADLINE, ended, () => `a stream does not end; so far ${items.length} items`);
}

/** The next call of a method of the client: its arguments. */
export function called(connection, method) {
  const call = new Promise((resolve) => connection.on(method, (...values) => resolve(values)));
  return within(DEADLINE, call, () => `nobody called ${method}`);
}

/** Settles as `promise` does, but soon. */
export function soon(promise, what) {
  return within(DEADLINE, promise, () => what);
}
