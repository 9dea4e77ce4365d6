// The SignalR clients under test, and the ways in which pages connect. Each test runs for every entry of `clients`: a
// release of Microsoft's client, a transport and a hub protocol. Releases do not mix: the enumerations of one are not
// those of another, and each MessagePack package goes with the client of its own generation.

import { createRequire } from "node:module";

import { Inbox } from "./inbox.js";

const require = createRequire(import.meta.url);

/** The newest release of each protocol generation, and the oldest that pages may still carry. */
const releases = [
  release("@microsoft/signalr", "@microsoft/signalr-protocol-msgpack"),
  release("signalr-8", "signalr-protocol-msgpack-8"),
  release("signalr-7", "signalr-protocol-msgpack-7"),
  release("signalr-3", "signalr-protocol-msgpack-3"),
  release("@aspnet/signalr", "@aspnet/signalr-protocol-msgpack"),
];

/** Server-Sent Events are text (signalr-protocol 3.3 item 5). */
const connections = [
  { transport: "WebSockets", protocol: "JSON" },
  { transport: "WebSockets", protocol: "MessagePack" },
  { transport: "ServerSentEvents", protocol: "JSON" },
  { transport: "LongPolling", protocol: "JSON" },
  { transport: "LongPolling", protocol: "MessagePack" },
];

export const clients = releases.flatMap((release) => connections.map((connection) => client(release, connection)));

function release(packageName, messagePackName) {
  const signalR = require(packageName);
  const { MessagePackHubProtocol } = require(messagePackName);
  return {
    name: `${packageName.startsWith("@aspnet") ? "@aspnet" : "@microsoft"}/signalr ${signalR.VERSION}`,
    signalR,
    protocols: { JSON: () => new signalR.JsonHubProtocol(), MessagePack: () => new MessagePackHubProtocol() },
    reconnects: "withAutomaticReconnect" in signalR.HubConnectionBuilder.prototype,
    resumes: "withStatefulReconnect" in signalR.HubConnectionBuilder.prototype,
  };
}

function client({ protocols, ...release }, { transport, protocol }) {
  return {
    ...release,
    name: `${release.name}, ${transport}, ${protocol}`,
    transport: release.signalR.HttpTransportType[transport],
    protocol: protocols[protocol],
  };
}

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

/** Starts a connection that ends with the test `t`, and keeps what it receives for `targets`. */
export async function connect(t, builder, ...targets) {
  const connection = builder.build();
  t.after(() => connection.stop());
  const inbox = new Inbox(connection, ...targets);
  await connection.start();
  return { connection, inbox };
}
