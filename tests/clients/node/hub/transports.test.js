// What happens around the messages: tokens, cookies, headers, redirects, the choice of a transport, reconnecting.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { AbortError, DefaultHttpClient, HttpClient, NullLogger } from "@microsoft/signalr";

import { request } from "../http.js";
import { builder, connect, soon, transports } from "./connections.js";
import { TestHub } from "./server.js";

let hub;
before(async () => (hub = await TestHub.start()));
after(() => hub?.stop());

for (const transport of transports) {
  describe(transport, () => {
    const to = (path, options) => builder(`${hub.address}${path}`, { transport }, options);

    test("a token opens a hub that is locked", async (t) => {
      const { body: token } = await request("GET", `${hub.address}/generateJwtToken`);
      const connection = await connect(t, to("/authorizedhub", { accessTokenFactory: () => token }));
      assert.equal(await connection.invoke("Echo", "hello"), "hello");
    });

    test("a token is fetched for each start", async (t) => {
      const accessTokenFactory = async () => (await request("GET", `${hub.address}/generateJwtToken`)).body;
      const connection = await connect(t, to("/authorizedhub", { accessTokenFactory }));
      assert.equal(await connection.invoke("Echo", "hello"), "hello");
    });

    test("without a token a hub that is locked answers 401", async () => {
      const message = "Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'";
      for (const accessTokenFactory of [undefined, () => "eyJhbGciOiJIUzI1NiJ9.e30.x"]) {
        await assert.rejects(to("/authorizedhub", { accessTokenFactory }).build().start(), { message });
      }
    });

    test("cookies of negotiate come back, unless they have expired", async (t) => {
      const connection = await connect(t, to("/testhub"));
      assert.equal(await connection.invoke("GetCookie", "testCookie"), "testValue");
      assert.equal(await connection.invoke("GetCookie", "testCookie2"), "testValue2");
      assert.equal(await connection.invoke("GetCookie", "expiredCookie"), null);
    });

    test("the hub knows the client's own headers", async (t) => {
      const headers = { "User-Agent": "Custom Agent", "X-HEADER": "VALUE" };
      const connection = await connect(t, to("/testhub", { headers }));
      assert.equal(await connection.invoke("GetHeader", "user-agent"), "Custom Agent");
      assert.equal(await connection.invoke("GetHeader", "X-HEADER"), "VALUE");
      assert.equal(await connection.invoke("GetHeader", "X-NOTHING"), null);
    });

    test("the hub knows the client by the library's own header", async (t) => {
      const connection = await connect(t, to("/testhub"));
      assert.match(await connection.invoke("GetHeader", "User-Agent"), /^Microsoft SignalR\/10\.0 \(10\.0\.\d+; .*NodeJS.*\)$/);
    });

    // The client does not watch the time of long polling.
    test("a client that hears nothing for too long ends its connection", { skip: transport === "LongPolling" }, async (t) => {
      const connection = await connect(t, to("/testhub"));
      connection.serverTimeoutInMilliseconds = 1;
      // The answer starts the clock anew, with the new time.
      await connection.invoke("Echo", "");
      const error = await soon(connection.closed, "the connection stays");
      assert.equal(error.message, "Server timeout elapsed without receiving a message from the server.");
    });

    test("a connection has its id while it is connected and at no other time", async (t) => {
      const connection = to("/testhub").build();
      t.after(() => connection.stop());
      assert.equal(connection.connectionId, null);
      await connection.start();
      assert.equal(await connection.invoke("GetCallerConnectionId"), connection.connectionId);
      await connection.stop();
      assert.equal(connection.connectionId, null);
    });

    test("a client that reconnects may go somewhere else", async (t) => {
      const other = await TestHub.start();
      t.after(() => other.stop());
      const connection = await connect(t, to("/testhub").withAutomaticReconnect());
      connection.onreconnecting(() => (connection.baseUrl = `${other.address}/testhub`));
      const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
      connection.serverTimeout();
      const id = await soon(reconnected, "the client does not reconnect");
      assert.equal(await connection.invoke("GetCallerConnectionId"), id);
      assert.equal(connection.baseUrl, `${other.address}/testhub`);
      await connection.stop();
    });

    test("a client reconnects as somebody new", async (t) => {
      const connection = await connect(t, to("/testhub").withAutomaticReconnect());
      const before = connection.connectionId;
      const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
      // What the client does when it has heard nothing for too long.
      connection.serverTimeout();
      const after = await soon(reconnected, "the client does not reconnect");
      assert.notEqual(after, before);
      assert.equal(await connection.invoke("GetCallerConnectionId"), after);
    });

    test("a negotiate that is refused says why", async () => {
      const message = "Failed to complete negotiation with the server: Error: Some response from server: Status code '400'";
      await assert.rejects(to("/bad-negotiate").build().start(), { message });
    });
  });
}

test("a client follows a redirect, anew at each reconnect", async (t) => {
  const url = `${hub.address}/redirect?numRedirects=0&baseUrl=${hub.address}`;
  const connection = await connect(t, builder(url).withAutomaticReconnect());
  const before = await connection.invoke("GetNumRedirects");
  assert.equal(await connection.invoke("GetCallerConnectionId"), connection.connectionId);
  const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
  connection.serverTimeout();
  await soon(reconnected, "the client does not reconnect");
  assert.ok((await connection.invoke("GetNumRedirects")) > before);
});

test("a client that skips negotiate has no connection id, and reconnects", async (t) => {
  const options = { skipNegotiation: true };
  const url = `${hub.address}/testhub`;
  const connection = await connect(t, builder(url, { transport: "WebSockets" }, options).withAutomaticReconnect());
  assert.equal(connection.connectionId, null);
  const reconnected = new Promise((resolve) => connection.onreconnected(() => resolve()));
  connection.serverTimeout();
  await soon(reconnected, "the client does not reconnect");
  assert.equal(await connection.invoke("Echo", "hello"), "hello");
});

test("the client takes the best transport that the hub offers and its protocol allows", async (t) => {
  const transportOf = async (path, protocol) => {
    const connection = await connect(t, builder(`${hub.address}${path}`, { protocol }));
    return connection.invoke("GetActiveTransportName");
  };
  assert.equal(await transportOf("/testhub", "JSON"), "WebSockets");
  assert.equal(await transportOf("/testhub-nowebsockets", "JSON"), "ServerSentEvents");
  assert.equal(await transportOf("/testhub-nowebsockets", "MessagePack"), "LongPolling");
});

test("a client whose WebSockets fail takes another transport", async (t) => {
  class Broken {
    constructor() {
      throw new Error("no WebSockets here");
    }
  }
  const connection = await connect(t, builder(`${hub.address}/testhub`, {}, { WebSocket: Broken }));
  assert.equal(await connection.invoke("GetActiveTransportName"), "ServerSentEvents");
});

test("a client of long polling ends its connection with a DELETE, and its poll with it", async (t) => {
  const requests = [];
  const httpClient = new (class extends HttpClient {
    #client = new DefaultHttpClient(NullLogger.instance);

    send(request) {
      const answer = this.#client.send(request);
      // A poll that the client gives up has no status.
      const failed = (error) => (error instanceof AbortError ? "given up" : error.message);
      const end = answer.then(({ statusCode }) => statusCode, failed);
      requests.push(end.then((how) => [request.method, how]));
      return answer;
    }
  })();
  const connection = await connect(t, builder(`${hub.address}/testhub`, { transport: "LongPolling" }, { httpClient }));
  await soon(connection.stop(), "the client does not stop");
  const ended = await soon(Promise.all(requests), "a request does not end");
  assert.deepEqual(ended.filter(([method]) => method === "DELETE"), [["DELETE", 202]]);
  const [, last] = ended.filter(([method]) => method === "GET").at(-1);
  assert.ok(last === 204 || last === "given up", `the last poll ends with ${last}`);
});

test("a transport that the hub does not offer cannot be had", async () => {
  const connection = builder(`${hub.address}/testhub-nowebsockets`, { transport: "WebSockets" }).build();
  await assert.rejects(connection.start(), /^Error: Unable to connect to the server with any of the available transports\./);
});

test("who asks for the result of nobody is told so", async () => {
  const { body } = await request("GET", `${hub.address}/clientresult/nobody`);
  assert.equal(body, "Connection 'nobody' does not exist.");
});

test("users of signalrcore's tests log in and talk", async (t) => {
  const login = JSON.stringify({ username: "test", password: "test" });
  const headers = { "content-type": "application/json" };
  const { body } = await request("POST", `${hub.address}/users/authenticate`, { headers, body: login });
  const accessTokenFactory = () => JSON.parse(body).token;
  const connection = await connect(t, builder(`${hub.address}/authHub`, {}, { accessTokenFactory }));
  const received = new Promise((resolve) => connection.on("ReceiveMessage", resolve));
  await connection.send("SendMessage", "hello");
  assert.equal(await soon(received, "nobody received the message"), "hello");
});
