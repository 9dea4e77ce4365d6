// What a client sees when its connection is cut under it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { clients, connect, flows, receivedBy, recordedWebSocket } from "./clients.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

for (const client of clients) {
  describe(client.name, () => {
    for (const flow of flows) {
      test(`a client whose socket is cut reconnects and receives once, ${flow.name}`, async (t) => {
        const WebSocket = recordedWebSocket();
        const builder = (await flow.builder(client, stack, { WebSocket })).withAutomaticReconnect();
        const { connection, inbox } = await connect(t, builder, "newNotification");
        const events = [];
        const reconnected = new Promise((resolve, reject) => {
          connection.onreconnecting(() => events.push("reconnecting"));
          connection.onreconnected((id) => resolve(events.push("reconnected") && id));
          connection.onclose((error) => reject(error ?? new Error("closed")));
        });
        const firstId = connection.connectionId;
        await stack.broadcast({ message: "before" });
        await inbox.atLeast(1);

        WebSocket.opened[0].terminate();
        const secondId = await within(DEADLINE, reconnected, () => `no reconnect; events: ${events}`);
        await stack.broadcast({ message: "after" });

        assert.deepEqual(events, ["reconnecting", "reconnected"]);
        assert.notEqual(secondId, firstId);
        assert.equal(WebSocket.opened.length, 2);
        assert.deepEqual(await receivedBy(stack, inbox), [[["newNotification", "before"], ["newNotification", "after"]]]);
      });
    }
  });
}
