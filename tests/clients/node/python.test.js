// Two independent clients in Python. Both follow the redirect of the Functions app, but skip the second negotiate: they
// open a WebSocket without a connection id (signalr-protocol 2.7). The other transports of signalrcore need one, so it
// is also sent straight to the service (signalr-protocol 8.1).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { PythonClient } from "./python.js";
import { Stack } from "./stack.js";
import { clientToken } from "./tokens.js";

const clients = ["signalrcore", "pysignalr"].flatMap((library) =>
  ["JSON", "MessagePack"].map((protocol) => ({ name: `${library}, ${protocol}`, program: `${library}_client.py`, protocol })),
);
/** What works of it: its own class for MessagePack over long polling cannot be instantiated. */
const direct = [
  { transport: "WebSockets", protocol: "JSON" },
  { transport: "WebSockets", protocol: "MessagePack" },
  { transport: "ServerSentEvents", protocol: "JSON" },
  { transport: "LongPolling", protocol: "JSON" },
];
const LAST = "last";
const TARGETS = ["newNotification", "newMessage", LAST];

let stack;
before(async () => (stack = await Stack.start({ userId: "{query.user}" })));
after(() => stack?.stop());

for (const { name, program, protocol } of clients) {
  describe(name, () => {
    test("a client that negotiates at the Functions app receives what is sent to all, to its user and to its group", async (t) => {
      const client = await connect(t);
      await sendToEveryAudience();
      assertIsForPia(await client.reports.receivedUpTo(LAST));
      await stop(client);
    });

    test("a client whose connection is cut reconnects and receives", async (t) => {
      const client = await connect(t);

      client.cut();
      await client.reports.connected(2);
      await stack.service.sendToAll(LAST, "again");

      assert.deepEqual(await client.reports.receivedUpTo(LAST), [[LAST, "again"]]);
      await stop(client);
    });

    test("a client that stops is gone from the service", async (t) => {
      const client = await connect(t);
      assert.ok(await stack.service.hasUser("pia"));

      await stop(client);

      await stack.service.untilGone("pia");
    });

    test("a bad token is refused", async (t) => {
      const url = `${stack.signalr}/client/?hub=notifications`;
      const token = clientToken({ lifetime: -3600 });
      const client = new PythonClient(t, program, { url, protocol, token, targets: [] });

      assert.match(await client.reports.refused(), /401|[Aa]uthorization/);
    });

    async function connect(t) {
      const url = `${stack.host}/api?user=pia`;
      const client = new PythonClient(t, program, { url, protocol, targets: TARGETS });
      await client.reports.connected();
      return client;
    }
  });
}

for (const { transport, protocol } of direct) {
  describe(`signalrcore straight at the service, ${transport}, ${protocol}`, () => {
    test("a client receives what is sent to all, to its user and to its group", async (t) => {
      const client = await connect(t);
      await sendToEveryAudience();
      const received = client.reports.receivedUpTo(LAST);
      // Of the messages that a poll brings it handles one, and the next one behind the next poll.
      assertIsForPia(await (transport === "LongPolling" ? awake(received) : received));
      await stop(client);
    });

    test("a client that stops is gone from the service", async (t) => {
      const client = await connect(t);
      assert.ok(await stack.service.hasUser("pia"));

      await stop(client);

      await stack.service.untilGone("pia");
    });

    async function connect(t) {
      const { url, accessToken } = await stack.negotiate("?user=pia");
      const options = { url: `${url}&access_token=${accessToken}`, transport, protocol, targets: TARGETS };
      const client = new PythonClient(t, "signalrcore_client.py", options);
      await client.reports.connected();
      return client;
    }
  });
}

async function sendToEveryAudience() {
  await stack.broadcast({ message: "žluťoučký 🎉" });
  await stack.broadcast({ target: "newMessage", arguments: [1, 1.5, true, null, { nested: ["x"] }] });
  await stack.service.sendToUser("pia", "newMessage", "for Pia");
  await stack.service.sendToUser("quentin", "newMessage", "for Quentin");
  await stack.service.addUser("pia", "readers");
  await stack.service.sendToGroup("readers", "newMessage", "for readers");
  await stack.service.sendToAll(LAST);
}

function assertIsForPia(received) {
  assert.deepEqual(received, [
    ["newNotification", "žluťoučký 🎉"],
    ["newMessage", 1, 1.5, true, null, { nested: ["x"] }],
    ["newMessage", "for Pia"],
    ["newMessage", "for readers"],
    [LAST],
  ]);
}

/**
 * Lets a client stop. signalrcore closes its socket while a thread of its own reads from it, then waits for that thread,
 * and only a message wakes the thread: in real life a ping of the service, up to 15 seconds later.
 */
function stop(client) {
  return awake(client.stop());
}

/** Settles as `promise` does; until then Pia's clients get one message after the other. */
async function awake(promise) {
  let settled = false;
  const waking = async () => {
    while (!settled) await stack.service.sendToUser("pia", "wake up");
  };
  const [result] = await Promise.all([promise.finally(() => (settled = true)), waking()]);
  return result;
}
