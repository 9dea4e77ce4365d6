// A page with nothing but Microsoft's client in it, made to do what client_page.js can do.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { Reports } from "../reports.js";
import { TYPES } from "./chromium.js";

const FILES = {
  "/": [TYPES.html, new URL("client_page.html", import.meta.url)],
  "/client_page.js": [TYPES.js, new URL("client_page.js", import.meta.url)],
  "/signalr.js": [TYPES.js, bundle("@microsoft/signalr")],
  "/signalr-protocol-msgpack.js": [TYPES.js, bundle("@microsoft/signalr-protocol-msgpack")],
};

function bundle(packageName) {
  const name = packageName.split("/").at(-1);
  return new URL(`../node_modules/${packageName}/dist/browser/${name}.js`, import.meta.url);
}

/** The files of the page, for a `PageServer`. */
export async function clientFiles(path) {
  if (!FILES[path]) return undefined;
  const [type, url] = FILES[path];
  return { headers: { "content-type": type }, content: await readFile(fileURLToPath(url)) };
}

/** The client in a page. */
export class BrowserClient {
  /** What the client says of itself. */
  reports;
  #page;

  /** Opens the page at `origin`; it is closed with the test `t`. */
  static async open(t, browser, origin) {
    const client = new BrowserClient();
    const { page, console } = await browser.newPage(t);
    client.#page = page;
    client.reports = new Reports(() => ` and the page said:\n${console.join("\n")}`);
    await page.exposeFunction("report", (event) => client.reports.add(event));
    await page.goto(origin);
    return client;
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
