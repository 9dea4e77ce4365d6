// Many clients of the service at the price of a socket each: they connect over WebSockets, each as a user of its own, and read
// on without looking. Microsoft's client would take the time from what is tested.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request } from "node:http";

import { Service } from "./service.js";
import { clientToken } from "./tokens.js";

/** A text frame with a mask of zeros (RFC 6455, 5.2): the handshake (signalr-protocol 4.1). */
const HANDSHAKE = frame('{"protocol":"json","version":1}\x1e');
/** How many connect, or send, at the same time. */
const LANES = 16;

export class Crowd {
  #sockets = [];
  #service;

  /** Connects `user-0`, `user-1` and so on to the service at this address. */
  static async connect(service, size) {
    const crowd = new Crowd();
    crowd.#service = service;
    const numbers = Array.from({ length: size }, (_, number) => number).values();
    const lane = async () => {
      for (const number of numbers) crowd.#sockets.push(await open(service, `user-${number}`));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return crowd;
  }

  /** Sends so many messages a second, or as many as go, to one user after the other until `stop`, which tells how many were sent. */
  receive(perSecond) {
    let [sent, isOver] = [0, false];
    const started = performance.now();
    const lane = async () => {
      const service = new Service(this.#service);
      while (!isOver) {
        const due = started + (sent * 1000) / perSecond;
        const user = `user-${sent++ % this.#sockets.length}`;
        await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
        await service.sendToUser(user, "direct", "x".repeat(100));
      }
    };
    const sending = Promise.all(Array.from({ length: LANES }, lane));
    return {
      async stop() {
        isOver = true;
        await sending;
        return { sent, perSecond: (sent * 1000) / (performance.now() - started) };
      },
    };
  }

  leave() {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function open(service, user) {
  const token = clientToken({ user });
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  return new Promise((resolve, reject) => {
    const upgrade = request(`${service}/client/?hub=notifications&access_token=${token}`, { headers });
    upgrade.on("upgrade", (_, socket) => {
      socket.on("error", () => {});
      socket.once("data", () => resolve(socket.resume()));
      socket.write(HANDSHAKE);
    });
    upgrade.on("response", ({ statusCode }) => reject(new Error(`the upgrade was answered with ${statusCode}`)));
    upgrade.on("error", reject);
    upgrade.end();
  });
}

function frame(text) {
  const payload = Buffer.from(text);
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
