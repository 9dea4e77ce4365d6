// What a client sees when its connection is cut under it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { clients, connect, flows } from "./clients.js";
import { outage } from "./cuts.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

for (const client of clients.filter(({ reconnects }) => reconnects)) {
  describe(client.name, () => {
    for (const flow of flows) {
      test(`a client whose connection is cut reconnects and receives once, ${flow.name}`, async (t) => {
        const builder = (await flow.builder(client, stack)).withAutomaticReconnect();
        const { connection, inbox } = await connect(t, builder, "newNotification");
        const firstId = connection.connectionId;
        await stack.broadcast({ message: "before" });
        await inbox.atLeast(1);

        const { events, reconnected } = watch(connection, outage(stack.signalr));
        const secondId = await within(DEADLINE, reconnected, () => `no reconnect; events: ${events}`);
        await stack.broadcast({ message: "after" });

        assert.deepEqual(events, ["reconnecting", "reconnected"]);
        assert.notEqual(secondId, firstId);
        assert.deepEqual(await receivedBy(stack, inbox), [[["newNotification", "before"], ["newNotification", "after"]]]);
      });
    }
  });
}

for (const client of clients.filter(({ reconnects }) => !reconnects)) {
  describe(client.name, () => {
    test("a client whose connection is cut learns of it, starts again and receives", async (t) => {
      const { connection, inbox } = await connect(t, await flows[0].builder(client, stack), "newNotification");
      const end = outage(stack.signalr);
      const closed = new Promise((resolve) => connection.onclose(resolve)).finally(end);

      await within(DEADLINE, closed, () => "the client does not know that it was cut off");
      await connection.start();
      await stack.broadcast({ message: "after" });

      assert.deepEqual(await receivedBy(stack, inbox), [[["newNotification", "after"]]]);
    });
  });
}

/** Collects what the connection says, and ends the outage when the client has noticed it. */
function watch(connection, endOutage) {
  const events = [];
  const reconnected = new Promise((resolve, reject) => {
    connection.onreconnecting(() => {
      events.push("reconnecting");
      endOutage();
    });
    connection.onreconnected((id) => {
      events.push("reconnected");
      resolve(id);
    });
    connection.onclose((error) => reject(error ?? new Error("closed")));
  });
  return { events, reconnected };
}
