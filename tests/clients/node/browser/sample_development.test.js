// `npm run dev` beside `cargo dev`, as the README says: nothing is set, and the page may call the function app. When another
// program has the port, another one takes its place, and its origin is allowed for that.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Stack } from "../stack.js";
import { within } from "../waiting.js";
import { Browser } from "./chromium.js";
import { Sample } from "./sample.js";

const WEB = fileURLToPath(new URL("../../../../web/", import.meta.url));
const DOCUMENTED_PORT = 5173;
const DEADLINE = 30_000;

let browser, port, stack;
before(async () => {
  port = await freePort(DOCUMENTED_PORT).catch(() => freePort(0));
  stack = await Stack.start(port === DOCUMENTED_PORT ? {} : { origin: `http://localhost:${port}` });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await stack?.stop();
});

test("the page of the development server is allowed to call the function app", async (t) => {
  const sample = new Sample({ stack }, await browser.newPage(t));
  await sample.page.goto(await startDevelopmentServer(t));

  await sample.state("Connected");
  await sample.send("hello");
  await sample.entry("hello");
});

async function freePort(port) {
  const server = createServer().listen(port, "localhost");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return address.port;
}

/** Returns where the page is. Only the function app has an address of its own here, since tests take any port. */
async function startDevelopmentServer(t) {
  const options = ["node_modules/vite/bin/vite.js", "--port", `${port}`];
  const env = { ...process.env, NO_COLOR: "1", VITE_API_URL: `${stack.host}/api` };
  const server = spawn(process.execPath, options, { cwd: WEB, env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => server.kill());
  const said = [];
  const ready = new Promise((resolve, reject) => {
    for (const input of [server.stdout, server.stderr]) {
      createInterface({ input }).on("line", (line) => {
        said.push(line);
        const address = /Local:\s+(\S+)/.exec(line);
        if (address) resolve(address[1]);
      });
    }
    server.once("close", () => reject(new Error(`the development server ended; it said:\n${said.join("\n")}`)));
  });
  return within(DEADLINE, ready, () => `the development server is not ready; it said:\n${said.join("\n")}`);
}
