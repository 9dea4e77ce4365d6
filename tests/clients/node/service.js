// The data plane of the service, called as an application server calls it (signalr-service 1.3). The Functions app has
// no part in it: its output bindings reach everyone, users and groups are for those who call the service themselves.

import assert from "node:assert/strict";
import { Agent } from "node:http";

import { request } from "./http.js";
import { restToken } from "./tokens.js";
import { within } from "./waiting.js";

const DEADLINE = 10_000;

/** The service at `address`; everything is about the hub `notifications`. */
export class Service {
  #address;
  /** One connection for all calls, so that they arrive in the order in which they are made. */
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(address) {
    this.#address = address;
  }

  /** Sends to everyone. */
  sendToAll(target, ...values) {
    return this.#send("", target, values);
  }

  /** Sends to every connection of a user. */
  sendToUser(user, target, ...values) {
    return this.#send(`/users/${user}`, target, values);
  }

  /** Sends to every member of a group. */
  sendToGroup(group, target, ...values) {
    return this.#send(`/groups/${group}`, target, values);
  }

  /** Puts one connection into a group. */
  async addConnection(connection, group) {
    await this.#expect(200, "PUT", `/groups/${group}/connections/${connection}`);
  }

  /** Puts all connections of a user, present and future, into a group. */
  async addUser(user, group) {
    await this.#expect(200, "PUT", `/users/${user}/groups/${group}`);
  }

  /** Ends a connection, which is told why. */
  async closeConnection(connection, reason) {
    await this.#expect(200, "DELETE", `/connections/${connection}`, undefined, { reason });
  }

  /** Whether a user has a connection. */
  async hasUser(user) {
    const { status } = await this.#call("HEAD", `/users/${user}`);
    return status === 200;
  }

  /** Asks until a user has no connection any more. */
  async untilGone(user) {
    let gone = false;
    const asking = (async () => {
      while (!gone) gone = !(await this.hasUser(user));
    })();
    try {
      await within(DEADLINE, asking, () => `${user} is still connected`);
    } finally {
      gone = true;
    }
  }

  async #send(recipient, target, values) {
    await this.#expect(202, "POST", `${recipient}/:send`, { target, arguments: values });
  }

  async #expect(status, method, path, value, query) {
    const answer = await this.#call(method, path, value, query);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.status} ${answer.body}`);
  }

  #call(method, path, value, query = {}) {
    const resource = `/api/hubs/notifications${path}`;
    const parameters = new URLSearchParams({ "api-version": "2022-06-01", ...query });
    return request(method, `${this.#address}${resource}?${parameters}`, {
      agent: this.#agent,
      headers: { authorization: `Bearer ${restToken(resource)}`, "content-type": "application/json" },
      body: value && JSON.stringify(value),
    });
  }
}
