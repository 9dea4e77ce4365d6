// A browser, and the web server of the page that it shows. The page is on an origin of its own: everything that the
// client in it asks of the stack is cross-origin, and the browser sees to it that nobody forgets.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { environment } from "./environment.js";
import { Reports } from "./reports.js";

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const FILES = {
  "/": [HTML, new URL("../browser/index.html", import.meta.url)],
  "/page.js": [SCRIPT, new URL("../browser/page.js", import.meta.url)],
  "/signalr.js": [SCRIPT, bundle("@microsoft/signalr")],
  "/signalr-protocol-msgpack.js": [SCRIPT, bundle("@microsoft/signalr-protocol-msgpack")],
};
/** Without a sandbox root can run it; the rest keeps it from asking strangers for news. */
const OPTIONS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function bundle(packageName) {
  const name = packageName.split("/").at(-1);
  return new URL(`./node_modules/${packageName}/dist/browser/${name}.js`, import.meta.url);
}

/** Serves the page. `origin` is where pages that may call the app are, `stranger` another origin with the same page. */
export class PageServer {
  #server;

  static async start() {
    const server = new PageServer();
    server.#server = createServer((request, response) => serve(request.url, response)).listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    const { port } = server.#server.address();
    server.origin = `http://localhost:${port}`;
    server.stranger = `http://127.0.0.1:${port}`;
    return server;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function serve(path, response) {
  const file = FILES[path];
  if (!file) return response.writeHead(404).end();
  const [type, url] = file;
  response.writeHead(200, { "content-type": type }).end(await readFile(fileURLToPath(url)));
}

export class Browser {
  #browser;

  static async start() {
    const browser = new Browser();
    browser.#browser = await chromium.launch({ executablePath: environment("CHROMIUM_BIN"), args: OPTIONS });
    return browser;
  }

  /** Opens the page at `origin` in a profile of its own; it is closed with the test `t`. */
  async open(t, origin) {
    const context = await this.#browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const client = new BrowserClient(page);
    await page.exposeFunction("report", (event) => client.reports.add(event));
    await page.goto(origin);
    return client;
  }

  stop() {
    return this.#browser.close();
  }
}

/** The client in a page, made to do what page.js can do. */
class BrowserClient {
  /** What the client says of itself. */
  reports = new Reports(() => ` and the page said:\n${this.#console.join("\n")}`);
  #page;
  #console = [];

  constructor(page) {
    this.#page = page;
    page.on("console", (message) => this.#console.push(message.text()));
    page.on("pageerror", (error) => this.#console.push(String(error)));
  }

  /** Begins to connect; what comes of it is in the reports. */
  start(options) {
    return this.#page.evaluate((options) => void start(options), options);
  }

  /** What the page gets from `url` with a plain GET. */
  negotiate(url) {
    return this.#page.evaluate((url) => negotiate(url), url);
  }

  stop() {
    return this.#page.evaluate(() => stop());
  }
}
