// Messages to users and groups, sent through the service's data plane; who a client is, the Functions app says.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { builder, clients, connect } from "./clients.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;

let stack;
before(async () => (stack = await Stack.start({ userId: "{query.user}" })));
after(() => stack?.stop());

for (const client of clients) {
  describe(client.name, () => {
    test("a message to a user reaches each connection of that user and nobody else", async (t) => {
      const ann = [await connectAs(t, "ann"), await connectAs(t, "ann")];
      const bob = await connectAs(t, "bob");

      await stack.service.sendToUser("ann", "newMessage", "for Ann", { number: 1.5 });

      const received = await receivedBy(stack, ...[...ann, bob].map(({ inbox }) => inbox));
      const message = ["newMessage", "for Ann", { number: 1.5 }];
      assert.deepEqual(received, [[message], [message], []]);
    });

    test("a message to a group reaches its members, by whichever way they joined, and nobody else", async (t) => {
      const [ann, bob, cleo] = [await connectAs(t, "ann"), await connectAs(t, "bob"), await connectAs(t, "cleo")];
      const group = `readers of ${client.name}`.replace(/\W+/g, "-");

      await stack.service.addUser("ann", group);
      // The oldest client does not tell its connection id.
      await (bob.connection.connectionId
        ? stack.service.addConnection(bob.connection.connectionId, group)
        : stack.service.addUser("bob", group));
      await stack.service.sendToGroup(group, "newMessage", "for the group");

      const received = await receivedBy(stack, ann.inbox, bob.inbox, cleo.inbox);
      const message = ["newMessage", "for the group"];
      assert.deepEqual(received, [[message], [message], []]);
    });

    test("a client that stops is gone from the service", async (t) => {
      const { connection } = await connectAs(t, "ann");
      const closed = new Promise((resolve) => connection.onclose(resolve));
      assert.ok(await stack.service.hasUser("ann"));

      await connection.stop();

      assert.equal(await within(DEADLINE, closed, () => "the client does not say that it has ended"), undefined);
      assert.equal(connection.state, client.signalR.HubConnectionState.Disconnected);
      await stack.service.untilGone("ann");
    });

    function connectAs(t, user) {
      return connect(t, builder(client, `${stack.host}/api?user=${user}`), "newMessage");
    }
  });
}
