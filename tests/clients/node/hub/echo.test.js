// The layer below the hubs: raw connections of the client, which the suites test by themselves.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { HttpTransportType, TransferFormat } from "@microsoft/signalr";

import { request } from "../http.js";
import { soon, transports } from "./connections.js";
import { TestHub } from "./server.js";

const require = createRequire(import.meta.url);
const packageFolder = dirname(require.resolve("@microsoft/signalr/package.json"));
const { HttpConnection } = require(join(packageFolder, "dist/cjs/HttpConnection.js"));
const WebSocket = require("ws");

let hub;
before(async () => (hub = await TestHub.start()));
after(() => hub?.stop());

for (const transport of [undefined, ...transports]) {
  test(`a raw connection echoes over ${transport ?? "what the client takes"}`, async () => {
    const connection = new HttpConnection(`${hub.address}/echo`, { transport: HttpTransportType[transport], logger: null });
    const received = new Promise((resolve) => (connection.onreceive = resolve));
    const closed = new Promise((resolve) => (connection.onclose = resolve));
    await connection.start(TransferFormat.Text);
    await connection.send("Hello World!\nand another line");
    assert.equal(await soon(received, "nothing comes back"), "Hello World!\nand another line");
    await connection.stop();
    assert.equal(await soon(closed, "the connection stays"), undefined);
  });
}

test("a raw WebSocket echoes and closes with the code 1000", async () => {
  const socket = new WebSocket(`${hub.address.replace("http", "ws")}/echo`);
  await soon(once(socket, "open"), "no WebSocket");
  socket.send("message");
  const [echo] = await soon(once(socket, "message"), "nothing comes back");
  assert.equal(String(echo), "message");
  socket.close();
  const [code] = await soon(once(socket, "close"), "the WebSocket stays");
  assert.equal(code, 1000);
});

test("a raw connection of a browser without its cookies gets nothing back", async () => {
  const { body } = await request("POST", `${hub.address}/echo/negotiate?negotiateVersion=1`);
  const url = `${hub.address}/echo?id=${JSON.parse(body).connectionToken}`;
  const headers = { origin: "http://localhost:3000" };
  assert.equal((await request("GET", url, { headers })).status, 200);
  assert.equal((await request("POST", url, { headers, body: "hello" })).status, 200);
  assert.equal((await request("GET", url, { headers })).status, 204);
});

test("a redirect to the raw connection keeps its method and its query", async () => {
  const { status, headers } = await request("POST", `${hub.address}/echoredirect/negotiate?negotiateVersion=1`);
  assert.equal(status, 307);
  assert.equal(headers.location, "/echo/negotiate?negotiateVersion=1");
});
