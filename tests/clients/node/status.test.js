// The timer's message: fired by hand, and by its schedule.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clients, connect, postFlow } from "./clients.js";
import { Stack } from "./stack.js";

for (const client of clients) {
  describe(client.name, () => {
    test("a status update fired by hand reaches the client with real values", async (t) => {
      const { stack, inbox } = await connectForStatus(t);

      const reply = await stack.run("statusUpdate");
      assert.equal(reply.status, 202, reply.body);

      const [message] = await inbox.atLeast(1);
      assertIsStatusOfNow(message);
    });

    test("a status update arrives by its schedule, time after time", async (t) => {
      const { inbox } = await connectForStatus(t, { schedule: "* * * * * *" });

      const [first, second] = await inbox.atLeast(2);

      assertIsStatusOfNow(first);
      assertIsStatusOfNow(second);
      assert.ok(Date.parse(first[1].timestamp) < Date.parse(second[1].timestamp), JSON.stringify([first, second]));
    });

    async function connectForStatus(t, options) {
      const stack = await Stack.start(options);
      t.after(() => stack.stop());
      const { inbox } = await connect(t, await postFlow.builder(client, stack), "statusUpdate");
      return { stack, inbox };
    }
  });
}

function assertIsStatusOfNow([target, status, ...rest]) {
  assert.equal(target, "statusUpdate");
  assert.deepEqual(rest, []);
  assert.deepEqual(Object.keys(status).sort(), ["activeUsers", "servicesHealthy", "timestamp"]);
  const age = Date.now() - Date.parse(status.timestamp);
  assert.ok(age >= 0 && age < 10_000, `${status.timestamp} is ${age} ms ago`);
  assert.equal(status.servicesHealthy, true);
  const { activeUsers } = status;
  assert.ok(activeUsers === null || (Number.isInteger(activeUsers) && activeUsers >= 0), `${activeUsers} active users`);
}
