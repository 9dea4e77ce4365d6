// Two independent clients in Python. Both follow the redirect of the Functions app, but skip the second negotiate: they
// open a WebSocket without a connection id (signalr-protocol 2.7).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { PythonClient } from "./python.js";
import { Stack } from "./stack.js";
import { clientToken } from "./tokens.js";

const clients = ["signalrcore", "pysignalr"].flatMap((library) =>
  ["JSON", "MessagePack"].map((protocol) => ({ name: `${library}, ${protocol}`, program: `${library}_client.py`, protocol })),
);
const LAST = "last";

let stack;
before(async () => (stack = await Stack.start({ userId: "{query.user}" })));
after(() => stack?.stop());

for (const { name, program, protocol } of clients) {
  describe(name, () => {
    test("a client that negotiates at the Functions app receives what is sent to all, to its user and to its group", async (t) => {
      const client = await connect(t);

      await stack.broadcast({ message: "žluťoučký 🎉" });
      await stack.broadcast({ target: "newMessage", arguments: [1, 1.5, true, null, { nested: ["x"] }] });
      await stack.service.sendToUser("pia", "newMessage", "for Pia");
      await stack.service.sendToUser("quentin", "newMessage", "for Quentin");
      await stack.service.addUser("pia", "readers");
      await stack.service.sendToGroup("readers", "newMessage", "for readers");
      await stack.service.sendToAll(LAST);

      assert.deepEqual(await client.reports.receivedUpTo(LAST), [
        ["newNotification", "žluťoučký 🎉"],
        ["newMessage", 1, 1.5, true, null, { nested: ["x"] }],
        ["newMessage", "for Pia"],
        ["newMessage", "for readers"],
        [LAST],
      ]);
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
      const client = new PythonClient(t, program, { url, protocol, targets: ["newNotification", "newMessage", LAST] });
      await client.reports.connected();
      return client;
    }
  });
}

/**
 * Lets a client stop. signalrcore closes its socket while a thread of its own reads from it, then waits for that thread,
 * and only a message wakes the thread: in real life a ping of the service, up to 15 seconds later.
 */
async function stop(client) {
  let stopped = false;
  const stopping = client.stop().finally(() => (stopped = true));
  const waking = async () => {
    while (!stopped) await stack.service.sendToUser("pia", "wake up");
  };
  await Promise.all([stopping, waking()]);
}
