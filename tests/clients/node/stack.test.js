// The stack as a developer starts and stops it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clients, connect, flows } from "./clients.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;
/**
 * All but the release of 2018 over long polling: told of the end, it sends a DELETE to a listener that is closed by
 * then, and lets that be rejected behind its back, in a promise that nobody can catch.
 */
const witnesses = clients.filter(({ name }) => !/^@aspnet.*LongPolling/.test(name));

test("the function app in the repository starts without further settings and negotiates for its hub", async (t) => {
  const stack = await Stack.startInPlace();
  t.after(() => stack.stop());

  const { url, accessToken } = await stack.negotiate();

  const service = new URL(url);
  assert.equal(service.port, new URL(stack.signalr).port);
  assert.equal(service.pathname + service.search, "/client/?hub=notifications");
  assert.equal(accessToken.split(".").length, 3);
});

test("the stack stops while clients of every kind are connected, and each of them learns of it", async (t) => {
  const stack = await Stack.start();
  t.after(() => stack.stop());
  const connected = new Set();
  const closed = [];
  for (const client of witnesses) {
    for (const flow of flows) {
      const name = `${client.name}, ${flow.name}`;
      const { connection } = await connect(t, await flow.builder(client, stack));
      connected.add(name);
      closed.push(new Promise((resolve) => connection.onclose(() => resolve(connected.delete(name)))));
    }
  }

  await stack.stop();

  await within(DEADLINE, Promise.all(closed), () => `clients do not know that the stack has gone: ${[...connected]}`);
});
