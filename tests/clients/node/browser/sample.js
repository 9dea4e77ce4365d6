// The sample web client as somebody uses it: built, served from an origin of its own under the rules of its
// staticwebapp.config.json, and seen through roles and labels only.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Stack } from "../stack.js";
import { within } from "../waiting.js";
import { Wire } from "../wire.js";
import { Browser, PageServer, TYPES } from "./chromium.js";
import { keepPicture } from "./pictures.js";

const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));
const BUILT = join(REPOSITORY, "web/dist");
/** How long a page may take to show what it should, in milliseconds. */
const DEADLINE = 15_000;
/** What no page may say. */
const BROKEN = /^uncaught|Content Security Policy/;

/** The built page, the stack that it calls, and a browser. */
export class Studio {
  stack;
  #pages;
  #browser;

  /** `changes` are those of `Stack.start`. */
  async start(changes = {}) {
    this.#pages = await PageServer.start((path) => this.#find(path));
    this.stack = await Stack.start({ origin: this.#pages.origin, ...changes });
    this.#browser = await Browser.start();
  }

  /** Ends the stack, and `meanwhile` runs before another one takes its place. */
  async restart(meanwhile) {
    const port = (address) => Number(new URL(address).port);
    const ports = { host: port(this.stack.host), signalr: port(this.stack.signalr) };
    await this.stack.stop();
    await meanwhile();
    this.stack = await Stack.start({ origin: this.#pages.origin }, ports);
  }

  async stop() {
    await this.#browser?.stop();
    await this.stack?.stop();
    this.#pages?.stop();
  }

  /**
   * A test with `use(open, t)` in it. `open(options)` opens the page in a profile of its own, connected unless `connects` is
   * false; the other options are Playwright's. If the test fails, a picture of each page is left under artifacts/.
   */
  story(name, use) {
    test(name, async (t) => {
      const opened = [];
      const open = async ({ connects = true, prepare, ...options } = {}) => {
        const sample = new Sample(this, await this.#browser.newPage(t, { locale: "en-GB", ...options }));
        opened.push(sample);
        await prepare?.(sample);
        await sample.page.goto(this.#pages.origin);
        if (connects) await sample.state("Connected");
        return sample;
      };
      try {
        await use(open, t);
        for (const { console } of opened) assert.deepEqual(console.filter((line) => BROKEN.test(line)), []);
      } catch (error) {
        const pictures = opened.map((sample, index) => sample.keepPicture(`failed ${name} ${index + 1}`));
        const files = await Promise.allSettled(pictures);
        const shown = `its pages are in ${files.map(({ value }) => value).join(", ")}`;
        const said = opened.flatMap(({ console }) => console).join("\n");
        throw new Error(`${error.message}\n${shown}\nand said:\n${said}`, { cause: error });
      }
    });
  }

  /** What a static host would answer, and in config.json where the stack is. */
  async #find(path) {
    const name = path === "/" ? "/index.html" : normalize(path);
    if (name === "/config.json") {
      const config = JSON.stringify({ apiUrl: `${this.stack.host}/api/` });
      return { headers: { "content-type": TYPES.json }, content: config };
    }
    const content = await readFile(join(BUILT, name)).catch(() => undefined);
    return content && { headers: { ...(await this.#headers()), "content-type": TYPES[extname(name).slice(1)] }, content };
  }

  /** The headers of the static host; the stack has no TLS, so its addresses are allowed beside what is there. */
  async #headers() {
    const { globalHeaders } = JSON.parse(await readFile(join(BUILT, "staticwebapp.config.json"), "utf8"));
    const policy = globalHeaders["content-security-policy"];
    const local = policy.replace("connect-src", "connect-src http://localhost:* http://127.0.0.1:* ws://localhost:* ws://127.0.0.1:*");
    return { ...globalHeaders, "content-security-policy": local };
  }
}

/** One page. Whatever it waits for has to come within the deadline. */
export class Sample {
  page;
  console;
  #studio;

  constructor(studio, { page, console }) {
    this.#studio = studio;
    this.page = page;
    this.console = console;
    page.setDefaultTimeout(DEADLINE);
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  field(name) {
    return this.page.getByRole("textbox", { name, exact: true });
  }

  /** One of the panels beside the messages. */
  panel(name) {
    return this.page.getByRole("region", { name, exact: true });
  }

  /** Waits for the state in the header, which begins with `text`. */
  state(text) {
    return this.page.locator("header .state", { hasText: text }).waitFor();
  }

  /** Waits for an entry with this text among the messages. */
  entry(text) {
    return this.page.getByRole("log").getByText(text, { exact: true }).waitFor();
  }

  /** All messages that are shown: event and text of each, without what the page says of its connection. */
  async messages() {
    const rows = this.page.getByRole("log").locator("li.message");
    return rows.evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("span")].map((span) => span.textContent)));
  }

  /** The facts of a panel, by name. */
  async facts(panel) {
    const rows = await this.panel(panel).locator("dl > div").all();
    const read = async (row) => [await row.locator("dt").innerText(), await row.locator("dd").innerText()];
    return Object.fromEntries(await Promise.all(rows.map(read)));
  }

  /** Sends `text` and waits until the page says that it is sent. `to` is everybody unless it says `{user}` or `{group}`. */
  async send(text, to = {}) {
    const [kind, name] = Object.entries(to)[0] ?? ["everybody"];
    await this.page.getByRole("radio", { name: kind, exact: false }).check();
    if (name !== undefined) await this.page.getByRole("combobox", { name: `${kind}’s name` }).fill(name);
    await this.field("Message").fill(text);
    await this.button("Send").click();
    await this.page.getByText(`Sent to ${name === undefined ? kind : `${kind} ${name}`}.`).waitFor();
  }

  async signIn(user) {
    await this.page.getByLabel("Development user").fill(user);
    await this.button("Sign in").click();
    await this.panel("You").getByText(user, { exact: true }).waitFor();
    await this.state("Connected");
  }

  async join(group) {
    await this.field("Group").fill(group);
    await this.button("Join").click();
    await this.joined(group);
  }

  /** Waits until the page says that it is in the group. */
  joined(group) {
    return this.panel("Groups").getByRole("listitem").filter({ hasText: `${group} joined` }).waitFor();
  }

  /** Waits until this is listed as online; whoever comes is listed a little later. */
  async online(entry) {
    const found = this.panel("Online").getByRole("listitem").filter({ hasText: entry });
    let isOver = false;
    const asking = (async () => {
      while (!isOver && (await found.count()) === 0) {
        const answered = this.page.waitForResponse("**/api/presence*");
        await this.button("Refresh").click();
        await answered;
      }
    })();
    try {
      await within(DEADLINE, asking, () => `${entry} is not listed as online`);
    } finally {
      isOver = true;
    }
  }

  /** Keeps a picture for people to look at, and returns its path. */
  keepPicture(name) {
    return keepPicture(this.page, name);
  }

  /** Puts a wire that can be cut between this page and the service, from its next `negotiate` on. */
  async throughWire(t) {
    const service = this.#studio.stack.signalr;
    const wire = await Wire.to(service);
    t.after(() => wire.close());
    await this.page.route("**/api/negotiate?*", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const response = await route.fetch();
      if (!response.ok()) return route.fulfill({ response });
      const answer = await response.json();
      const url = new URL(answer.url);
      url.host = new URL(wire.address).host;
      await route.fulfill({ response, json: { ...answer, url: url.href } });
    });
    return wire;
  }
}
