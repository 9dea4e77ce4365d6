// What every client receives, in which order, and what is refused before anything is sent.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { clients, connect, flows } from "./clients.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

for (const client of clients) {
  describe(client.name, () => {
    test("two clients receive each of 200 broadcasts exactly once and in order", async (t) => {
      const inboxes = await connectBoth(t, client);
      const numbers = Array.from({ length: 200 }, (_, index) => index);

      for (const number of numbers) {
        const reply = await stack.broadcast({ message: `message ${number}` });
        assert.equal(reply.status, 200, reply.body);
      }

      const expected = numbers.map((number) => ["newNotification", `message ${number}`]);
      assert.deepEqual(await receivedBy(stack, ...inboxes), [expected, expected]);
    });

    test("a text arrives as it was posted, also one that the host would decode or rewrite", async (t) => {
      const inboxes = await connectBoth(t, client);
      // The host decodes base64 and rewrites ISO dates in outputs (functions-host 3.5, 3.6). A reply that is nothing but a
      // date is beyond help; as an argument of a message it keeps its form when it has whole seconds and is in UTC.
      const date = "2024-01-03T00:00:00Z";
      const texts = ["SGVsbG8gd29ybGQ=", date, "null", "5", '{"a":1}', "🎉 žluťoučký", "a\u001eb\n"];

      for (const text of texts) {
        const reply = await stack.broadcast({ payload: text });
        const body = text === date ? "01/03/2024 00:00:00" : text;
        assert.deepEqual({ status: reply.status, body: reply.body }, { status: 200, body });
      }

      const expected = texts.map((text) => ["newMessage", text]);
      assert.deepEqual(await receivedBy(stack, ...inboxes), [expected, expected]);
    });

    test("the general form sends its own target and all of its arguments", async (t) => {
      const inboxes = await connectBoth(t, client);
      const values = [1, 1.5, "two", true, null, { nested: [1, { deep: "x" }] }, []];

      const reply = await stack.broadcast({ target: "anything", arguments: values });

      assert.equal(reply.status, 200, reply.body);
      const expected = [["anything", ...values]];
      assert.deepEqual(await receivedBy(stack, ...inboxes), [expected, expected]);
    });

    test("a bad body is refused by name of its fault and nothing is sent", async (t) => {
      const inboxes = await connectBoth(t, client);

      await refused("", { detail: /empty/ });
      await refused("not JSON", { detail: /not JSON/ });
      await refused('["hello"]', { detail: /object/ });
      await refused("{}", { field: "message" });
      await refused('{"massage":"hello"}', { field: "massage" });
      await refused('{"message":5}', { field: "message" });
      await refused('{"message":null}', { field: "message" });
      await refused('{"payload":{"text":"hello"}}', { field: "payload" });
      await refused('{"message":"hello","payload":"hello"}', { field: "payload" });
      await refused('{"target":"","arguments":[]}', { field: "target" });
      await refused('{"target":7,"arguments":[]}', { field: "target" });
      await refused('{"target":"anything","arguments":"hello"}', { field: "arguments" });

      assert.deepEqual(await receivedBy(stack, ...inboxes), [[], []]);
    });
  });
}

/** The inboxes of two connections, one for each way to negotiate. */
function connectBoth(t, client) {
  return Promise.all(
    flows.map(async (flow) => {
      const builder = await flow.builder(client, stack);
      const { inbox } = await connect(t, builder, "newMessage", "newNotification", "anything");
      return inbox;
    }),
  );
}

/** The problem's text names the field too, for people; `field` is for programs. */
async function refused(body, { field, detail = new RegExp(`\`${field}\``) }) {
  const reply = await stack.broadcastText(body);
  assert.equal(reply.status, 400, `${body} was answered with ${reply.status} ${reply.body}`);
  // The host names the encoding of every text (functions-host 3.4).
  assert.equal(reply.headers["content-type"], "application/problem+json; charset=utf-8", body);
  const problem = JSON.parse(reply.body);
  assert.deepEqual({ status: problem.status, field: problem.field }, { status: 400, field }, body);
  assert.match(problem.detail, detail, body);
}
