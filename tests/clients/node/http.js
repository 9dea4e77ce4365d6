// Plain HTTP requests. `fetch` would hide what browsers depend on (it refuses or rewrites some headers), so these go
// through `node:http` and show every header as it was sent.

import { once } from "node:events";
import { request as open } from "node:http";
import { text } from "node:stream/consumers";

import { within } from "./waiting.js";

const DEADLINE = 10_000;

/**
 * Sends one request and reads the whole answer: `{status, headers, body}`, the body as text. An upgrade has no body.
 *
 * The connection is closed afterwards unless an `agent` keeps it.
 */
export async function request(method, url, { headers = {}, body, agent = false } = {}) {
  const outgoing = open(url, { method, headers, agent });
  outgoing.end(body);
  const answered = once(outgoing, "response").then(async ([answer]) => ({ ...head(answer), body: await text(answer) }));
  const upgraded = once(outgoing, "upgrade").then(([answer]) => ({ ...head(answer), body: "" }));
  try {
    return await within(DEADLINE, Promise.race([answered, upgraded]), () => `${method} ${url} was not answered`);
  } finally {
    if (!agent) outgoing.destroy();
  }
}

/** Posts `value` as JSON. */
export function postJson(url, value) {
  return postText(url, JSON.stringify(value));
}

/** Posts `body` as it stands, declared as JSON. */
export function postText(url, body) {
  return request("POST", url, { headers: { "content-type": "application/json" }, body });
}

function head(answer) {
  return { status: answer.statusCode, headers: answer.headers };
}
