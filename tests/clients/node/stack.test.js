// The stack as a developer starts and stops it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clients, connect, flows } from "./clients.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;

test("the function app in the repository starts without further settings and negotiates for its hub", async (t) => {
  const stack = await Stack.startInPlace();
  t.after(() => stack.stop());

  const { url, accessToken } = await stack.negotiate();

  const service = new URL(url);
  assert.equal(service.port, new URL(stack.signalr).port);
  assert.equal(service.pathname + service.search, "/client/?hub=notifications");
  assert.equal(accessToken.split(".").length, 3);
});

for (const client of clients) {
  test(`the stack stops while clients are connected: ${client.name}`, async (t) => {
    const stack = await Stack.start();
    t.after(() => stack.stop());
    const closed = [];
    for (const flow of flows) {
      const { connection } = await connect(t, await flow.builder(client, stack));
      closed.push(new Promise((resolve) => connection.onclose(resolve)));
    }

    await stack.stop();

    await within(DEADLINE, Promise.all(closed), () => "a client does not know that the stack has gone");
  });
}
