// How a page connects: both ways to negotiate, and the tokens that the emulator refuses.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { builder, clients, connect, getFlow, postFlow } from "./clients.js";
import { request } from "./http.js";
import { receivedBy } from "./inbox.js";
import { Stack } from "./stack.js";
import { clientToken } from "./tokens.js";

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

for (const client of clients) {
  describe(client.name, () => {
    test("a page that negotiates with GET receives each payload once and gets it echoed", async (t) => {
      const builder = await getFlow.builder(client, stack);
      const { inbox } = await connect(t, builder, "newMessage", "newNotification");

      const reply = await stack.broadcast({ payload: "hello" });

      assert.deepEqual({ status: reply.status, body: reply.body }, { status: 200, body: "hello" });
      assert.deepEqual(await receivedBy(stack, inbox), [[["newMessage", "hello"]]]);
    });

    test("a client that negotiates by itself receives each notification once", async (t) => {
      const builder = await postFlow.builder(client, stack);
      const { inbox } = await connect(t, builder, "newMessage", "newNotification");

      const reply = await stack.broadcast({ message: "hello" });

      assert.equal(reply.status, 200);
      assert.match(reply.headers["content-type"], /^application\/json/);
      assert.deepEqual(JSON.parse(reply.body), { sent: true });
      assert.deepEqual(await receivedBy(stack, inbox), [[["newNotification", "hello"]]]);
    });

    test("a token minted elsewhere with the same key, hub and time is accepted", async (t) => {
      const { connection } = await connect(t, await builderWith(clientToken()));
      assert.equal(connection.state, client.signalR.HubConnectionState.Connected);
    });

    test("a bad token is refused at negotiate with 401", async () => {
      for (const [name, token] of refusedTokens()) {
        const connection = (await builderWith(token)).build();
        await assert.rejects(connection.start(), isUnauthorized, name);
        assert.equal(connection.state, client.signalR.HubConnectionState.Disconnected, name);
      }
    });

    async function builderWith(token) {
      const { url } = await stack.negotiate();
      return builder(client, url, { accessTokenFactory: () => token });
    }
  });
}

test("the same tokens are refused by every transport, where clients may skip negotiate", async () => {
  for (const [name, token] of refusedTokens()) {
    const url = `${stack.signalr}/client/?hub=notifications&id=none&access_token=${encodeURIComponent(token)}`;
    for (const [transport, headers] of Object.entries(TRANSPORT_HEADERS)) {
      const answer = await request("GET", url, { headers });
      assert.equal(answer.status, 401, `${name}, ${transport}`);
    }
  }
});

/** What tells one transport's request from another's (signalr-protocol 3.1 item 2). */
const TRANSPORT_HEADERS = {
  WebSockets: {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  },
  ServerSentEvents: { accept: "text/event-stream" },
  LongPolling: {},
};

/** Newer releases say the status, older ones its name. */
function isUnauthorized(error) {
  return error.statusCode === 401 || /Status code '401'/.test(error.message);
}

/** Each differs from an acceptable token in one thing. */
function refusedTokens() {
  return [
    ["a token with a wrong signature", clientToken({ key: "another-key-of-a-fitting-length-for-this-hash" })],
    ["a token without a signature", clientToken({ algorithm: "none" })],
    ["a token for another hub", clientToken({ audience: "http://localhost/client/?hub=elsewhere" })],
    ["a token for the REST API", clientToken({ audience: "http://localhost/api/hubs/notifications/:send" })],
    ["an expired token", clientToken({ lifetime: -3600 })],
    ["a text that is no token", "not-a-token"],
    ["an empty token", ""],
  ];
}
