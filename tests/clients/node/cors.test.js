// Cross-origin requests as browsers send them. Node does not enforce CORS, so the headers themselves are checked.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { request } from "./http.js";
import { Stack } from "./stack.js";

const PAGE = "http://localhost:3000";
const STRANGER = "https://stranger.example";

let stack;
before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

test("a page on an allowed origin may negotiate with credentials", async () => {
  const answer = await preflight(`${stack.host}/api/negotiate?negotiateVersion=1`, PAGE, {
    method: "POST",
    headers: "x-requested-with,x-signalr-user-agent",
  });
  assert.equal(answer.status, 204);
  assertAllows(answer, PAGE);
  assertAllowsHeaders(answer, ["x-requested-with", "x-signalr-user-agent"]);
});

test("a page on an allowed origin may broadcast", async () => {
  const answer = await preflight(`${stack.host}/api/broadcast`, PAGE, { method: "POST", headers: "content-type" });
  assert.equal(answer.status, 204);
  assertAllows(answer, PAGE);
  assertAllowsHeaders(answer, ["content-type"]);
});

test("a page on an allowed origin may read the answer of negotiate", async () => {
  const answer = await request("GET", `${stack.host}/api/negotiate`, { headers: { origin: PAGE } });
  assert.equal(answer.status, 200);
  assertAllows(answer, PAGE);
});

test("a page on an unknown origin may not negotiate", async () => {
  const answer = await preflight(`${stack.host}/api/negotiate`, STRANGER, { method: "POST", headers: "x-requested-with" });
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
});

test("the emulator lets any page send its token", async () => {
  const answer = await preflight(`${stack.signalr}/client/negotiate?hub=notifications&negotiateVersion=1`, STRANGER, {
    method: "POST",
    headers: "authorization,x-requested-with,x-signalr-user-agent",
  });
  assert.ok(answer.status === 200 || answer.status === 204, `${answer.status}`);
  assertAllows(answer, STRANGER);
  assertAllowsHeaders(answer, ["authorization", "x-requested-with", "x-signalr-user-agent"]);
});

test("the emulator lets the page see that it was refused", async () => {
  const url = `${stack.signalr}/client/negotiate?hub=notifications&negotiateVersion=1`;
  const answer = await request("POST", url, { headers: { origin: PAGE } });
  assert.equal(answer.status, 401);
  assertAllows(answer, PAGE);
});

function preflight(url, origin, { method, headers }) {
  return request("OPTIONS", url, {
    headers: { origin, "access-control-request-method": method, "access-control-request-headers": headers },
  });
}

function assertAllows(answer, origin) {
  assert.equal(answer.headers["access-control-allow-origin"], origin);
  assert.equal(answer.headers["access-control-allow-credentials"], "true");
  assert.match(answer.headers.vary ?? "", /origin/i);
}

/** With credentials `*` would not count, so each header must be named (Fetch standard, CORS protocol). */
function assertAllowsHeaders(answer, names) {
  const allowed = (answer.headers["access-control-allow-headers"] ?? "").toLowerCase().split(/\s*,\s*/);
  for (const name of names) assert.ok(allowed.includes(name), `${name} is not in ${allowed}`);
}
