// The local stack as a child process: Functions host, SignalR emulator and handler, as `cargo dev` runs them.
//
// Each stack runs a copy of the function app in a temporary folder, so that nobody's own local.settings.json decides
// whether the tests pass.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { environment } from "./environment.js";
import { postJson, postText, request } from "./http.js";
import { Service } from "./service.js";
import { within } from "./waiting.js";

const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
const READY = /^Ready: host=(?<host>\S+) signalr=(?<signalr>\S+) inspector=(?<inspector>\S+) pid=(?<pid>\d+)$/;
const RELOADED = /Reloaded: pid=(?<pid>\d+)$/;
const FREE_PORTS = { host: 0, signalr: 0, inspector: 0 };
const START_DEADLINE = 30_000;
const STOP_DEADLINE = 10_000;
const SETTINGS = "local.settings.json.example";
/** Settings that a developer may have exported for other work; the stack under test must not see them. */
const APP_SETTING = /^(azure|functions_|website_|signalr|cors_|logging__|otel_)/i;
/** How an app setting overrides the executable that host.json names (functions-host 1.2). */
const EXECUTABLE_SETTING = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

/** A running stack. `host`, `signalr` and `inspector` are the addresses of the parts, `service` calls the latter. */
export class Stack {
  #child;
  #exit;
  #folder;
  #output = "";
  #heard = [];
  #stopped;

  /**
   * Starts a stack, on free ports unless some are named, and returns when it is ready.
   *
   * The app is as in the repository but for `changes`: `schedule` of `statusUpdate`, an NCRONTAB expression; `userId`
   * of `negotiate`, a binding expression; `origin`, the only one that may call the app across origins.
   */
  static async start(changes = {}, ports = FREE_PORTS) {
    const folder = await copyOfTheApp(changes);
    const stack = new Stack();
    stack.#folder = folder;
    await stack.#launch(["--app", folder], { [EXECUTABLE_SETTING]: environment("HANDLER_BIN") }, ports);
    return stack;
  }

  /** Starts a copy of the function app in `source`, a folder below the repository, with its own handler. */
  static async startApp(source) {
    const folder = await mkdtemp(join(tmpdir(), "app-"));
    await cp(join(REPOSITORY, source), folder, { recursive: true });
    const stack = new Stack();
    stack.#folder = folder;
    await stack.#launch(["--app", folder], {});
    return stack;
  }

  /** The same with a handler that `cargo dev` builds, and builds again when its sources change. */
  static async startWatching(source) {
    const folder = await mkdtemp(join(tmpdir(), "app-"));
    await cp(join(REPOSITORY, source), folder, { recursive: true });
    const stack = new Stack();
    stack.#folder = folder;
    await stack.#launch(["--app", folder], {}, FREE_PORTS, []);
    return stack;
  }

  /** Starts the function app in the repository itself, with nothing overridden but the ports; 0 takes a free one. */
  static async startInPlace(ports = FREE_PORTS) {
    const stack = new Stack();
    await stack.#launch([], {}, ports);
    return stack;
  }

  /** The path of a file of the app, of which the stack runs a copy. */
  file(name) {
    return join(this.#folder, name);
  }

  /** What the stack has printed so far. */
  get output() {
    return this.#output;
  }

  /** Waits until the stack prints something, from now on. */
  says(pattern) {
    const seen = this.#output.length;
    const said = new Promise((resolve) => {
      const look = () => pattern.test(this.#output.slice(seen)) && resolve();
      this.#heard.push(look);
    });
    return within(START_DEADLINE, said, () => `the stack did not say ${pattern}; it said:\n${this.#output}`);
  }

  /** What a page gets from `GET /api/negotiate`, with a query or without. */
  async negotiate(query = "") {
    const answer = await request("GET", `${this.host}/api/negotiate${query}`);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body);
  }

  /** Posts `value` as JSON to the `broadcast` function. */
  broadcast(value) {
    return postJson(`${this.host}/api/broadcast`, value);
  }

  /** Posts `body`, JSON or not, to the `broadcast` function. */
  broadcastText(body) {
    return postText(`${this.host}/api/broadcast`, body);
  }

  /** Runs a function through the host's admin endpoint (functions-host 4.3). */
  run(name) {
    return postJson(`${this.host}/admin/functions/${name}`, {});
  }

  /** Stops the stack as Ctrl-C does, and asserts that no process and no open port is left behind. */
  stop() {
    return (this.#stopped ??= this.#stopOnce());
  }

  async #stopOnce() {
    try {
      assert.equal(this.#child.exitCode, null, "the stack ended before it was stopped");
      this.#child.kill("SIGINT");
      const end = await within(STOP_DEADLINE, this.#exit, () => "the stack did not stop on SIGINT");
      assert.deepEqual(end, { code: 0, signal: null });
      await this.#assertNothingIsLeft();
    } finally {
      await this.#remove();
    }
  }

  async #launch(options, settings, ports = FREE_PORTS, handling = ["--no-build", "--no-watch"]) {
    const addresses = { "--port": ports.host, "--signalr-port": ports.signalr, "--inspector-port": ports.inspector ?? 0 };
    const listen = Object.entries(addresses).flatMap(([name, port]) => [name, `${port}`]);
    this.#child = spawn(
      environment("LOCAL_STACK_BIN"),
      [...handling, ...listen, ...options],
      { cwd: REPOSITORY, env: { ...withoutAppSettings(process.env), ...settings }, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#exit = new Promise((resolve) => this.#child.once("exit", (code, signal) => resolve({ code, signal })));
    process.once("exit", (code) => this.#leave(code));
    try {
      await within(START_DEADLINE, this.#ready(), () => `the stack did not become ready; it said:\n${this.#output}`);
    } catch (error) {
      await this.#remove();
      throw error;
    }
  }

  #ready() {
    return new Promise((resolve, reject) => {
      const hear = (line) => {
        this.#output += `${line}\n`;
        this.#heard.forEach((look) => look());
      };
      createInterface({ input: this.#child.stderr }).on("line", hear);
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        hear(line);
        // The last one is the one that must not be left behind.
        this.handlerPid = Number(RELOADED.exec(line)?.groups.pid ?? this.handlerPid);
        const ready = READY.exec(line);
        if (!ready) return;
        this.host = ready.groups.host;
        this.signalr = ready.groups.signalr;
        this.inspector = ready.groups.inspector;
        this.service = new Service(this.signalr);
        this.handlerPid = Number(ready.groups.pid);
        resolve();
      });
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        reject(new Error(`the stack ended with ${signal ?? code}; it said:\n${this.#output}`));
      });
    });
  }

  async #assertNothingIsLeft() {
    assert.ok(!isRunning(this.handlerPid), `the handler, process ${this.handlerPid}, outlives the stack`);
    for (const address of [this.host, this.signalr, this.inspector]) await assertPortIsFree(address);
  }

  /** Clears away what is left, also after a failure. */
  async #remove() {
    this.#kill();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  /** The test process ends: nothing may survive it, and after a failure the stack's own words are wanted. */
  #leave(code) {
    this.#kill();
    if (code !== 0) process.stderr.write(`--- the stack said ---\n${this.#output}`);
  }

  #kill() {
    this.#child.kill("SIGKILL");
    if (this.handlerPid && isRunning(this.handlerPid)) process.kill(this.handlerPid, "SIGKILL");
  }
}

/** Copies what the Functions host reads of the function app, and nothing else, with some changes. */
async function copyOfTheApp({ schedule, userId, origin }) {
  const folder = await mkdtemp(join(tmpdir(), "function-app-"));
  for (const name of ["host.json", SETTINGS, ...(await functionFolders())]) {
    await cp(join(REPOSITORY, name), join(folder, name), { recursive: true });
  }
  if (schedule) await changeBinding(join(folder, "statusUpdate"), "timerTrigger", { schedule });
  if (userId) await changeBinding(join(folder, "negotiate"), "signalRConnectionInfo", { userId });
  if (origin) await changeJson(join(folder, SETTINGS), (settings) => (settings.Host.CORS = origin));
  return folder;
}

async function functionFolders() {
  const files = await readdir(REPOSITORY, { withFileTypes: true });
  const folders = files.filter((file) => file.isDirectory()).map((file) => file.name);
  const contents = await Promise.all(folders.map((folder) => readdir(join(REPOSITORY, folder))));
  return folders.filter((_, index) => contents[index].includes("function.json"));
}

function changeBinding(folder, type, properties) {
  return changeJson(join(folder, "function.json"), ({ bindings }) => {
    const binding = bindings.find((binding) => binding.type === type);
    assert.ok(binding, `${folder} has no ${type}`);
    Object.assign(binding, properties);
  });
}

async function changeJson(path, change) {
  const value = JSON.parse(await readFile(path, "utf8"));
  change(value);
  await writeFile(path, JSON.stringify(value));
}

function withoutAppSettings(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !APP_SETTING.test(name)));
}

/** Whether a process exists and has not ended. One that has may still be listed until somebody takes note. */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch (error) {
    if (error.code === "ESRCH" || error.code === "ENOENT") return false;
    throw error;
  }
}

async function assertPortIsFree(address) {
  const { hostname, port } = new URL(address);
  const server = createServer().listen({ host: hostname, port: Number(port) });
  try {
    await once(server, "listening");
  } catch (error) {
    assert.fail(`${address} is still in use after the stack has ended: ${error.message}`);
  } finally {
    server.close();
  }
}
