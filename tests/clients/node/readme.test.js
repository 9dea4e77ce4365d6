// The README, followed as it stands: its program listens and its commands send. When another program has the ports that
// it names, others take their place in the text.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { request } from "./http.js";
import { Stack } from "./stack.js";
import { within } from "./waiting.js";

const README = fileURLToPath(new URL("../../../README.md", import.meta.url));
const PACKAGES = fileURLToPath(new URL("node_modules", import.meta.url));
const DEADLINE = 15_000;

test("listen.mjs of the README prints what the README's commands send", async (t) => {
  const stack = await startOnDocumentedPorts();
  t.after(() => stack.stop());
  const readme = (await readFile(README, "utf8")).replaceAll("localhost:7071", `localhost:${new URL(stack.host).port}`);
  const folder = await mkdtemp(join(tmpdir(), "readme-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const send = (await curlIsThere()) ? (command) => runCurl(command, folder) : performAsCurl;

  const listener = await listen(t, folder, program(readme));
  await listener.prints(/^connected; now send something$/m);
  for (const command of commands(readme)) {
    const reply = await send(command);
    const announced = announcedReply(command);
    if (announced) assert.equal(reply, announced, command);
    const message = /"message":"(.*?)"/.exec(command)?.[1];
    if (message) await listener.prints(new RegExp(`^newNotification ${message}$`, "m"));
    if (command.includes("/negotiate")) assert.deepEqual(Object.keys(JSON.parse(reply)), ["url", "accessToken"]);
    if (command.includes("/statusUpdate")) await listener.prints(/^statusUpdate \{[^}]*servicesHealthy: true,\s+activeUsers: 1\b/m);
  }
});

async function startOnDocumentedPorts() {
  try {
    return await Stack.startInPlace({ host: 7071, signalr: 8888 });
  } catch (error) {
    if (!/port \d+ is in use/.test(error.message)) throw error;
    return Stack.startInPlace();
  }
}

/** The one block of JavaScript. */
function program(readme) {
  const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)];
  assert.equal(blocks.length, 1);
  return blocks[0][1];
}

/** The commands that begin with `curl`, in blocks and in the running text. */
function commands(readme) {
  return [...readme.matchAll(/^curl .*$|(?<=`)curl [^`]+(?=`)/gm)].map(([command]) => command);
}

/** What the comment behind a command says that the answer is. */
function announcedReply(command) {
  return /# (\{.*\})/.exec(command)?.[1];
}

async function curlIsThere() {
  return promisify(execFile)("curl", ["--version"]).then(() => true, () => false);
}

/** Runs the command in a shell. It fails for an answer that is no success, and proxies have no say. */
async function runCurl(command, folder) {
  await writeFile(join(folder, ".curlrc"), 'silent\nshow-error\nfail-with-body\nnoproxy = "*"\n');
  const env = { ...process.env, CURL_HOME: folder };
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { env, timeout: DEADLINE });
  return stdout;
}

/** Does what curl would do, where there is none: only what the README asks of it. */
async function performAsCurl(command) {
  const words = [...command.replace(/\s#.*/, "").matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
  const headers = {};
  let body, method, url;
  for (let word = words.shift(); word; word = words.shift()) {
    if (word === "-d") body = words.shift();
    else if (word === "-X") method = words.shift();
    else if (word === "-H") Object.assign(headers, Object.fromEntries([words.shift().split(/:\s*/)]));
    else url = `http://${word}`;
  }
  const type = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  const answer = await request(method ?? (body === undefined ? "GET" : "POST"), url, { headers: { ...type, ...headers }, body });
  assert.ok(answer.status < 300, `${command}: ${answer.status} ${answer.body}`);
  return answer.body;
}

/** Runs the program as listen.mjs, with the packages of these tests installed. */
async function listen(t, folder, text) {
  await writeFile(join(folder, "listen.mjs"), text);
  await symlink(PACKAGES, join(folder, "node_modules"), "dir");
  const listener = spawn(process.execPath, ["listen.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => listener.kill());
  await once(listener, "spawn");
  return new Output(listener);
}

/** What a program prints, and how to wait for it. */
class Output {
  #text = "";
  #notice = () => {};

  constructor(program) {
    for (const stream of [program.stdout, program.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.#text += text;
        this.#notice();
      });
    }
  }

  async prints(pattern) {
    const printed = new Promise((resolve) => {
      this.#notice = () => pattern.test(this.#text) && resolve();
      this.#notice();
    });
    await within(DEADLINE, printed, () => `${pattern} was not printed, but\n${this.#text}`);
  }
}
