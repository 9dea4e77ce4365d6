// The timer's message: fired by hand, and by its schedule. One stack serves all clients, since each gets the same.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { clients, connect, postFlow } from "./clients.js";
import { Stack } from "./stack.js";

describe("with the schedule of the repository", () => {
  const stack = stackForAll({});

  test("a status update fired by hand reaches every kind of client with real values", async (t) => {
    const inboxes = await connectAll(t, stack());

    const reply = await stack().run("statusUpdate");
    assert.equal(reply.status, 202, reply.body);

    for (const [name, inbox] of inboxes) {
      const [message] = await inbox.atLeast(1);
      assertIsStatusOfNow(message, name);
    }
  });
});

describe("with a schedule of every second", () => {
  const stack = stackForAll({ schedule: "* * * * * *" });

  test("a status update arrives time after time", async (t) => {
    for (const [name, inbox] of await connectAll(t, stack())) {
      const [first, second] = await inbox.atLeast(2);
      assertIsStatusOfNow(first, name);
      assertIsStatusOfNow(second, name);
      const messages = `${name}: ${JSON.stringify([first, second])}`;
      assert.ok(Date.parse(first[1].timestamp) < Date.parse(second[1].timestamp), messages);
    }
  });
});

/** A stack for all tests of a suite; it is there when they run. */
function stackForAll(changes) {
  let stack;
  before(async () => (stack = await Stack.start(changes)));
  after(() => stack?.stop());
  return () => stack;
}

async function connectAll(t, stack) {
  const inboxes = new Map();
  for (const client of clients) {
    const { inbox } = await connect(t, await postFlow.builder(client, stack), "statusUpdate");
    inboxes.set(client.name, inbox);
  }
  return inboxes;
}

function assertIsStatusOfNow([target, status, ...rest], name) {
  assert.equal(target, "statusUpdate", name);
  assert.deepEqual(rest, [], name);
  assert.deepEqual(Object.keys(status).sort(), ["activeUsers", "servicesHealthy", "timestamp"], name);
  const age = Date.now() - Date.parse(status.timestamp);
  assert.ok(age >= 0 && age < 20_000, `${name}: ${status.timestamp} is ${age} ms ago`);
  assert.equal(status.servicesHealthy, true, name);
  const { activeUsers } = status;
  const counted = Number.isInteger(activeUsers) && activeUsers >= 0;
  assert.ok(activeUsers === null || counted, `${name}: ${activeUsers} active users`);
}
