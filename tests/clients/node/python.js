// A Python client in a process of its own, driven as driver.py says.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { environment } from "./environment.js";
import { Reports } from "./reports.js";

const FOLDER = fileURLToPath(new URL("../python/", import.meta.url));

export class PythonClient {
  /** What the client says of itself. */
  reports = new Reports(() => ` and said:\n${this.#errors}`);
  #process;
  #ended;
  #errors = "";

  /** Starts `program` with what driver.py calls options; it ends with the test `t`, whatever happens. */
  constructor(t, program, options) {
    this.#process = spawn(environment("PYTHON_BIN"), ["-u", "-B", program, JSON.stringify(options)], { cwd: FOLDER });
    this.#ended = new Promise((resolve) => this.#process.once("close", resolve));
    t.after(() => this.#process.kill("SIGKILL"));
    createInterface({ input: this.#process.stderr }).on("line", (line) => (this.#errors += `${line}\n`));
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.reports.add(JSON.parse(line)));
  }

  /** Cuts the client's connections without the client's doing. */
  cut() {
    this.#process.stdin.write("cut\n");
  }

  /** Lets the client stop by itself, and asserts that it does so without a word of complaint. */
  async stop() {
    this.#process.stdin.end("stop\n");
    const code = await this.reports.until(this.#ended, "to end");
    assert.deepEqual({ code, errors: this.#errors }, { code: 0, errors: "" });
  }
}
