// The test hub as a child process: `crates/signalr-server/examples/test_hub`.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { within } from "../waiting.js";

const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));
const BUILD = "build --package signalr-server --example test_hub --message-format json-render-diagnostics";
const READY = /^Ready: (?<address>\S+)$/;
const DEADLINE = 10_000;

/** A running test hub; `address` is where. */
export class TestHub {
  #child;
  #exit;

  /** Starts one on a free port and returns when it is ready. */
  static async start() {
    const hub = new TestHub();
    const child = spawn(await executable(), ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    hub.#child = child;
    hub.#exit = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    process.once("exit", () => child.kill("SIGKILL"));
    const ready = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`the test hub ended with ${signal ?? code}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const { address } = READY.exec(line)?.groups ?? {};
        if (address) resolve(address);
      });
    });
    hub.address = await within(DEADLINE, ready, () => "the test hub did not become ready");
    return hub;
  }

  /** Stops it as Ctrl-C does, and asserts that it ends by itself. */
  async stop() {
    this.#child.kill("SIGINT");
    const end = await within(DEADLINE, this.#exit, () => "the test hub did not stop on SIGINT");
    assert.deepEqual(end, { code: 0, signal: null });
  }
}

/** TEST_HUB_BIN, or else what cargo makes of the sources. */
async function executable() {
  if (process.env.TEST_HUB_BIN) return process.env.TEST_HUB_BIN;
  const options = { cwd: REPOSITORY, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)("cargo", BUILD.split(" "), options);
  const messages = stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const built = messages.find((message) => message.target?.name === "test_hub" && message.executable);
  assert.ok(built, "cargo built no executable named `test_hub`");
  return built.executable;
}
