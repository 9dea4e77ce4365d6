// `cargo dev` while its app is being changed: handlers are built and replaced under connected clients and running calls.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { builder, clients, connect } from "../clients.js";
import { environment } from "../environment.js";
import { postText } from "../http.js";
import { receivedBy } from "../inbox.js";
import { Stack } from "../stack.js";
import { clientToken } from "../tokens.js";
import { within } from "../waiting.js";

/** A build on a busy machine. */
const BUILD_DEADLINE = 90_000;
const CALLS_PER_SECOND = 20;
/** The newest release, with every transport and protocol it has. */
const five = clients.slice(0, 5);

let stack;
before(async () => (stack = await Stack.startWatching("tests/clients/node/reload/app")));
after(() => stack?.stop());

test("five clients stay connected while the handler is rebuilt three times, and lose no message", async (t) => {
  const connected = [];
  for (const client of five) {
    const url = `${stack.signalr}/client/?hub=notifications`;
    connected.push(await connect(t, builder(client, url, { accessTokenFactory: () => clientToken() }), "number"));
  }
  const ids = connected.map(({ connection }) => connection.connectionId);
  const interruptions = [];
  for (const { connection } of connected) connection.onclose((error) => interruptions.push(error));
  const calls = new Calls(stack);
  t.after(() => calls.stop());

  await calls.answeredBy("1");
  await change("src/main.rs", (text) => text.replace('"1"', '"2"'));
  await calls.answeredBy("2");
  await change("src/main.rs", (text) => text.replace('"2"', '"3" +'));
  await stack.says(/Not reloaded; the handler that runs goes on: the handler does not build/);
  assert.match(stack.output, /error: expected expression, found `;`/);
  await calls.answeredBy("2");
  await change("src/main.rs", (text) => text.replace('"3" +', '"3"'));
  await calls.answeredBy("3");
  await change("broadcast/function.json", (text) => text.replace("httpTrigger", "httpTriger"));
  await stack.says(/Not reloaded; the handler that runs goes on: The 'broadcast' function is in error/);
  await calls.answeredBy("3");
  await change("broadcast/function.json", (text) => text.replace("httpTriger", "httpTrigger"));
  await change("src/main.rs", (text) => text.replace('"3"', '"4"'));
  await calls.answeredBy("4");

  const sent = await calls.stop();
  assert.deepEqual(connected.map(({ connection }) => connection.connectionId), ids);
  assert.deepEqual(connected.map(({ connection }) => connection.state), five.map(() => "Connected"));
  assert.deepEqual(interruptions, []);
  for (const messages of await receivedBy(stack, ...connected.map(({ inbox }) => inbox))) {
    // Calls that overlap may be answered in any order.
    const numbers = messages.map(([, number]) => number).sort((one, other) => one - other);
    assert.deepEqual(numbers, sent);
  }
});

test("a function is run by its name, from another terminal", async () => {
  const invoke = (...args) => promisify(execFile)(environment("LOCAL_STACK_BIN"), ["invoke", ...args, "--app", stack.file(".")]);

  const { stdout } = await invoke("BROADCAST", "--data", "7");
  assert.match(stdout, /^\d\n$/);
  await assert.rejects(invoke("nothing"), ({ code, stderr }) => {
    assert.equal(code, 1);
    assert.match(stderr, /there is no function `nothing`; there are `broadcast`/);
    return true;
  });
});

/** Calls `broadcast` with 1, 2, 3… for as long as it is let, and notes which version answers. */
class Calls {
  #stack;
  #timer;
  #answers = [];
  #versions = [];
  #notice = () => {};

  constructor(stack) {
    this.#stack = stack;
    this.#timer = setInterval(() => this.#answers.push(this.#call(this.#answers.length + 1)), 1000 / CALLS_PER_SECOND);
  }

  /** Waits until a call that has not begun yet is answered by this version. */
  async answeredBy(version) {
    const seen = this.#versions.length;
    const answered = new Promise((resolve) => {
      this.#notice = () => this.#versions.indexOf(version, seen) >= 0 && resolve();
    });
    await within(BUILD_DEADLINE, answered, () => `no answer by version ${version}; the stack said:\n${this.#stack.output}`);
  }

  /** Ends the calls and returns their numbers, when all are answered. */
  async stop() {
    clearInterval(this.#timer);
    return Promise.all(this.#answers);
  }

  async #call(number) {
    const { status, body } = await postText(`${this.#stack.host}/api/broadcast`, `${number}`);
    assert.equal(status, 200, `call ${number}: ${body}`);
    this.#versions.push(body);
    this.#notice();
    return number;
  }
}

async function change(file, edit) {
  const path = stack.file(file);
  const before = await readFile(path, "utf8");
  const after = edit(before);
  assert.notEqual(after, before, `${file} was not changed`);
  await writeFile(path, after);
}
