// A Python client in a process of its own, driven as driver.py says.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { environment } from "./environment.js";
import { within } from "./waiting.js";

const FOLDER = fileURLToPath(new URL("../python/", import.meta.url));
const DEADLINE = 15_000;

export class PythonClient {
  #process;
  #ended;
  #events = [];
  #errors = "";
  #notice = () => {};

  /** Starts `program` with what driver.py calls options; it ends with the test `t`, whatever happens. */
  constructor(t, program, options) {
    this.#process = spawn(environment("PYTHON_BIN"), ["-u", "-B", program, JSON.stringify(options)], { cwd: FOLDER });
    this.#ended = new Promise((resolve) => this.#process.once("close", resolve));
    t.after(() => this.#process.kill("SIGKILL"));
    createInterface({ input: this.#process.stderr }).on("line", (line) => (this.#errors += `${line}\n`));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.#events.push(JSON.parse(line));
      this.#notice();
    });
  }

  /** Waits until the client has been connected `times` times. */
  async connected(times = 1) {
    await this.#until(() => this.#count("opened") >= times, `${times} connections`);
  }

  /** Waits until the client says that it was refused, and returns what it says of it. */
  async refused() {
    await this.#until(() => this.#count("refused") > 0, "to be refused");
    return this.#events.find(({ event }) => event === "refused").reason;
  }

  /** Waits until `target` has been received, and returns all messages up to that one: `[target, ...arguments]` each. */
  async receivedUpTo(target) {
    await this.#until(() => this.#received().some(([received]) => received === target), target);
    return this.#received();
  }

  /** Cuts the client's connections without the client's doing. */
  cut() {
    this.#process.stdin.write("cut\n");
  }

  /** Lets the client stop by itself, and asserts that it does so without a word of complaint. */
  async stop() {
    this.#process.stdin.end("stop\n");
    const code = await within(DEADLINE, this.#ended, () => this.#describe("to end"));
    assert.deepEqual({ code, errors: this.#errors }, { code: 0, errors: "" });
  }

  #count(wanted) {
    return this.#events.filter(({ event }) => event === wanted).length;
  }

  #received() {
    return this.#events.filter(({ event }) => event === "received").map(({ message }) => message);
  }

  #until(condition, wanted) {
    const met = new Promise((resolve, reject) => {
      this.#notice = () => condition() && resolve();
      this.#notice();
      this.#ended.then(() => reject(new Error(this.#describe(wanted))));
    });
    return within(DEADLINE, met, () => this.#describe(wanted));
  }

  #describe(wanted) {
    return `wanted ${wanted}, the client reported ${JSON.stringify(this.#events)} and said:\n${this.#errors}`;
  }
}
