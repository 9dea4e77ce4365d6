// Stateful reconnect (signalr-protocol 7): a client whose socket is lost comes back to the same connection, and neither
// it nor the sender notices.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { clients, connect, postFlow } from "./clients.js";
import { cut } from "./cuts.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";

const COUNT = 10_000;
const CUTS = 10;
const DEADLINE = 30_000;

/** Releases 8 and 10 in both hub protocols; resuming works over WebSockets only. */
const resuming = clients.filter(({ name, resumes }) => resumes && name.includes("WebSockets"));

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

test(`${COUNT} messages arrive once and in order while sockets are cut ${CUTS} times`, async (t) => {
  assert.equal(resuming.length, 4);
  const lives = await Promise.all(resuming.map((client) => follow(t, client)));

  for (let number = 1; number <= COUNT; number++) {
    await stack.service.sendToAll("number", number);
    if (number % (COUNT / CUTS) === COUNT / CUTS / 2) {
      // What was sent behind the last cut has come, so there are sockets to cut again.
      await Promise.all(lives.map(({ inbox }) => inbox.atLeast(number - 10, DEADLINE)));
      assert.ok(cut(stack.signalr) >= lives.length, "some client has no connection");
    }
  }

  const expected = Array.from({ length: COUNT }, (_, index) => ["number", index + 1]);
  const received = await receivedBy(stack, ...lives.map(({ inbox }) => inbox));
  for (const [index, { name, connection, firstId, events }] of lives.entries()) {
    assert.deepEqual(received[index], expected, name);
    assert.deepEqual(events, [], name);
    assert.equal(connection.connectionId, firstId, name);
  }
});

async function follow(t, client) {
  const builder = (await postFlow.builder(client, stack)).withAutomaticReconnect().withStatefulReconnect();
  const { connection, inbox } = await connect(t, builder, "number");
  const events = [];
  connection.onreconnecting((error) => events.push(`reconnecting: ${error}`));
  connection.onclose((error) => events.push(`closed: ${error}`));
  return { name: client.name, connection, inbox, firstId: connection.connectionId, events };
}
