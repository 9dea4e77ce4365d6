// A browser, and web servers for the pages that it shows. A page is on an origin of its own: everything that the client in
// it asks of the stack is cross-origin, and the browser sees to it that nobody forgets.

import { once } from "node:events";
import { createServer } from "node:http";

import { chromium } from "playwright-core";

import { environment } from "../environment.js";

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

export const TYPES = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  woff2: "font/woff2",
};

/** Serves files. `origin` is where pages that may call the app are, `stranger` another origin with the same files. */
export class PageServer {
  #server;

  /** `find(path)` gives the `headers` and the `content` of a file, or nothing. */
  static async start(find) {
    const server = new PageServer();
    server.#server = createServer((request, response) => serve(find, request, response)).listen(0, "127.0.0.1");
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

async function serve(find, request, response) {
  const file = await find(new URL(request.url, "http://localhost").pathname);
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, file.headers).end(file.content);
}

export class Browser {
  #browser;

  static async start() {
    const browser = new Browser();
    browser.#browser = await chromium.launch({ executablePath: environment("CHROMIUM_BIN"), args: OPTIONS });
    return browser;
  }

  /**
   * An empty page in a profile of its own, with Playwright's `options` of a profile; it is closed with the test `t`.
   * `console` collects what the page says there, and its uncaught errors.
   */
  async newPage(t, options) {
    const context = await this.#browser.newContext(options);
    t.after(() => context.close());
    const page = await context.newPage();
    const console = [];
    page.on("console", (message) => console.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => console.push(`uncaught: ${error}`));
    return { page, console };
  }

  stop() {
    return this.#browser.close();
  }
}
