// Users, groups and presence through the app's own functions, with the newest client over every transport.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { builder, clients, connect } from "./clients.js";
import { outage } from "./cuts.js";
import { request } from "./http.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;
/** A client between two polls is missed only when it should have come back. */
const CUT_DEADLINE = 60_000;
const MANAGER = { "x-development-user": "boss", "x-development-roles": "manager" };

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

const newest = clients.filter(({ name }) => name.startsWith("@microsoft/signalr 10."));
assert.equal(newest.length, 5);

for (const client of newest) {
  describe(client.name, () => {
    const connectAs = (t, user) => connectWith(client, t, user);

    test("a message to a user reaches each connection of that user and nobody else", async (t) => {
      const ann = [await connectAs(t, "ann"), await connectAs(t, "ann")];
      const others = [await connectAs(t, "bob"), await connectAs(t)];

      assert.equal(await call("POST", "/users/ann/messages", { body: { message: "for Ann" } }), '{"sent":true}');
      assert.equal(await call("POST", "/users/ann/messages", { body: { payload: "twice" } }), "twice");

      const received = await receivedBy(stack, ...[...ann, ...others].map(({ inbox }) => inbox));
      const messages = [["newNotification", "for Ann"], ["newMessage", "twice"]];
      assert.deepEqual(received, [messages, messages, [], []]);
    });

    test("each change of a group decides who receives what is sent to it", async (t) => {
      const ann = [await connectAs(t, "ann"), await connectAs(t, "ann")];
      const bob = await connectAs(t, "bob");
      const all = [...ann, bob];
      const group = `g${newest.indexOf(client)}`;
      const connectionOfBob = `/groups/${group}/connections/${bob.connection.connectionId}`;
      let sent = 0;
      const expected = all.map(() => []);
      /** Does one change, sends one message, and notes which of ann, ann and bob should have it. */
      async function step(change, ...receivers) {
        await change();
        const text = `${++sent}`;
        await call("POST", `/groups/${group}/messages`, { body: { message: text } });
        receivers.forEach((receives, index) => receives && expected[index].push(["newNotification", text]));
      }
      const accept = (method, path, headers) => async () =>
        assert.equal(await call(method, path, { headers }), '{"accepted":true}');
      const invoke = (method, member) => async () =>
        assert.deepEqual(await ann[0].connection.invoke(method, group), { groupName: group, member, problem: null });

      await step(accept("PUT", `/groups/${group}/users/ann`, as("ann")), true, true, false);
      await step(accept("PUT", connectionOfBob, MANAGER), true, true, true);
      await step(accept("DELETE", `/groups/${group}/users/ann`, as("ann")), false, false, true);
      await step(accept("DELETE", connectionOfBob, MANAGER), false, false, false);
      await step(invoke("joinGroup", true), true, false, false);
      await step(invoke("leaveGroup", false), false, false, false);
      await step(accept("PUT", `/groups/${group}/users/bob`, MANAGER), false, false, true);
      await step(accept("DELETE", "/users/bob/groups", as("bob")), false, false, false);

      assert.deepEqual(await receivedBy(stack, ...all.map(({ inbox }) => inbox)), expected);
    });

    test("a page whose connection is cut joins its group again", async (t) => {
      const group = `again${newest.indexOf(client)}`;
      const cleo = await connectAs(t, "cleo");
      const join = () => cleo.connection.invoke("joinGroup", group);
      await join();
      await call("POST", `/groups/${group}/messages`, { body: { message: "before" } });
      await cleo.inbox.atLeast(1);

      const endOutage = outage(stack.signalr);
      cleo.connection.onreconnecting(endOutage);
      const reconnected = new Promise((resolve) => cleo.connection.onreconnected(resolve));
      await within(DEADLINE, reconnected, () => "the client does not reconnect");
      await call("POST", `/groups/${group}/messages`, { body: { message: "not a member yet" } });
      await join();
      await call("POST", `/groups/${group}/messages`, { body: { message: "after" } });

      const messages = [["newNotification", "before"], ["newNotification", "after"]];
      assert.deepEqual(await receivedBy(stack, cleo.inbox), [messages]);
    });

    test("presence tells who is there, also when a connection is cut", async (t) => {
      await until(async () => (await presence()).connections === 0, "the others are still there", CUT_DEADLINE);
      const dan = [await connectAs(t, "dan"), await connectAs(t, "dan")];
      const nobody = await connectAs(t);
      const all = { connections: 3, userCount: 1, users: [{ userId: "dan", connections: 2 }], anonymous: 1, detail: null };
      await until(async () => isDeepStrictEqual(await presence(), all), "not all are there");

      await nobody.connection.stop();
      await dan[0].connection.stop();
      const one = { ...all, connections: 1, users: [{ userId: "dan", connections: 1 }], anonymous: 0 };
      await until(async () => isDeepStrictEqual(await presence(), one), "those who stopped are still there");

      const endOutage = outage(stack.signalr);
      try {
        await until(async () => (await presence()).connections === 0, "the one that was cut off is still there", CUT_DEADLINE);
        const gone = { userId: "dan", online: false, connections: 0 };
        assert.deepEqual(JSON.parse(await call("GET", "/presence/users/dan")), gone);
      } finally {
        // From here on the client may be back at any time.
        endOutage();
      }
    });
  });
}

test("whoever may not is refused with a reason, and nothing changes", async (t) => {
  const [client] = newest;
  const eve = await connect(t, builder(client, `${stack.host}/api?developmentUser=eve`), "newNotification");
  for (const [method, path, headers, status] of [
    ["PUT", "/groups/red/users/ann", {}, 401],
    ["PUT", "/groups/red/users/ann", as("eve"), 403],
    ["PUT", `/groups/red/connections/${eve.connection.connectionId}`, as("eve"), 403],
    ["PUT", "/groups/private:board/users/eve", as("eve"), 403],
    ["PUT", "/groups/online/users/eve", as("eve"), 400],
    ["DELETE", "/users/ann/groups", as("eve"), 403],
    ["POST", "/groups/private:board/messages", {}, 401],
    ["POST", "/groups/private:board/messages", as("eve"), 403],
  ]) {
    const body = method === "POST" ? JSON.stringify({ message: "no" }) : undefined;
    const answer = await request(method, `${stack.host}/api${path}`, { headers, body });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
    assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
  }
  for (const group of ["online", "private:board", ""]) {
    const { member, problem } = await eve.connection.invoke("joinGroup", group);
    assert.equal(member, false);
    assert.match(problem, /\w/);
  }
  await call("POST", "/groups/red/messages", { body: { message: "not for Eve" } });
  const manager = { ...as("mia"), "x-development-roles": "manager" };
  await call("POST", "/groups/private:board/messages", { headers: manager, body: { message: "nor this" } });
  assert.deepEqual(await receivedBy(stack, eve.inbox), [[]]);
});

/** Connects as a user, or as nobody. */
function connectWith(client, t, user) {
  const query = user ? `?developmentUser=${user}` : "";
  const url = `${stack.host}/api${query}`;
  return connect(t, builder(client, url).withAutomaticReconnect(), "newNotification", "newMessage");
}

function as(user) {
  return { "x-development-user": user };
}

/** Calls the app and returns the body of its answer, which must be a success. */
async function call(method, path, { body, headers = {} } = {}) {
  const answer = await request(method, `${stack.host}/api${path}`, {
    headers: { "content-type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.body}`);
  return answer.body;
}

async function presence() {
  return JSON.parse(await call("GET", "/presence"));
}

/** Asks until the answer is yes. */
async function until(condition, otherwise, deadline = DEADLINE) {
  let given = false;
  const asking = (async () => {
    while (!given && !(await condition())) await setTimeout(20);
  })();
  try {
    await within(deadline, asking, () => otherwise);
  } finally {
    given = true;
  }
}
