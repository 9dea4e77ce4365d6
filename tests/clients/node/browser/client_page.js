// What the test makes the page do. `report` is the test's, and takes the same events as the Python clients send.

"use strict";

const PROTOCOLS = {
  JSON: () => new signalR.JsonHubProtocol(),
  MessagePack: () => new signalR.protocols.msgpack.MessagePackHubProtocol(),
};
/** Soon and often: how long a client waits is its own affair, and the test has no time to lose. */
const RETRIES = new Array(500).fill(20);

let connection;

/** Connects to `url`, with `token` if that is where one is needed at once, and reports what comes for `targets`. */
async function start({ url, token, transport, protocol, targets }) {
  const authentication = token === undefined ? {} : { accessTokenFactory: () => token };
  connection = new signalR.HubConnectionBuilder()
    .withUrl(url, { transport: signalR.HttpTransportType[transport], ...authentication })
    .withHubProtocol(PROTOCOLS[protocol]())
    .withAutomaticReconnect(RETRIES)
    .configureLogging(signalR.LogLevel.None)
    .build();
  for (const target of targets) {
    connection.on(target, (...values) => report({ event: "received", message: [target, ...values] }));
  }
  connection.onreconnecting(() => report({ event: "reconnecting" }));
  connection.onreconnected(() => report({ event: "opened" }));
  connection.onclose((error) => report({ event: "closed", reason: error && String(error) }));
  try {
    await connection.start();
    report({ event: "opened" });
  } catch (error) {
    report({ event: "refused", reason: String(error) });
  }
}

/** What a page gets that negotiates by itself. */
async function negotiate(url) {
  const answer = await fetch(url);
  return answer.json();
}

function stop() {
  return connection.stop();
}
