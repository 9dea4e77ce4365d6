// The inspector while more goes on than anybody can read: a thousand connections and five hundred messages a second.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Crowd } from "../crowd.js";
import { Stack } from "../stack.js";
import { Browser } from "./chromium.js";

const CONNECTIONS = 1000;
const PER_SECOND = 500;
/** How long the page is used, in milliseconds. */
const TIME = 10_000;
/** Far more than an answer to a click takes, also on a machine that does much else. */
const DEADLINE = 15_000;
const VIEWS = ["Overview", "Messages", "Connections", "Problems", "Log"];

let stack, browser;
before(async () => {
  stack = await Stack.start({ schedule: "0 0 0 1 1 *" });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await stack?.stop();
});

test("every click is answered, and a message can be followed", async (t) => {
  const crowd = await Crowd.connect(stack.signalr, CONNECTIONS);
  t.after(() => crowd.leave());
  const traffic = crowd.receive(PER_SECOND);
  const { page, console } = await browser.newPage(t, { locale: "en-GB" });
  page.setDefaultTimeout(DEADLINE);
  await page.goto(stack.inspector);
  await page.evaluate(noteLongTasks);

  const clicks = [];
  const started = performance.now();
  while (performance.now() - started < TIME) {
    for (const name of VIEWS) clicks.push(await answeredClick(page, name));
  }
  const { tasks, elapsed } = await page.evaluate(() => ({ tasks: window.longTasks, elapsed: performance.now() - window.since }));
  await answeredClick(page, "Connections");
  await page.getByText("1,000 connections, 100 of 1,000 that fit are shown").waitFor();
  await answeredClick(page, "Messages");
  await page.getByRole("row", { name: /direct to user user-\d+/ }).first().waitFor();
  // The list goes on faster than anybody clicks; that is what the pause is for.
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("row", { name: /direct to user user-\d+/ }).first().getByRole("link").first().click();
  await page.getByText("fine: 1 connection has it").waitFor();
  const { sent, perSecond } = await traffic.stop();

  assert.ok(sent > 0);
  assert.deepEqual(console, []);
  const longest = Math.max(0, ...tasks);
  const blocked = tasks.reduce((sum, duration) => sum + duration, 0) / elapsed;
  t.diagnostic(`${Math.round(perSecond)} messages a second; clicks answered after ${spread(clicks)} ms`);
  t.diagnostic(`${tasks.length} tasks longer than 50 ms, the longest ${Math.round(longest)} ms, ${(blocked * 100).toFixed(1)} % of the time`);
  assert.ok(longest < DEADLINE / 3, `one task took ${longest} ms`);
});

/** Clicks, and tells after how many milliseconds the view is there. */
async function answeredClick(page, name) {
  const clicked = performance.now();
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  return performance.now() - clicked;
}

/** In the page: collects how long each task took that kept everything else waiting for more than 50 ms. One that does is noted first. */
async function noteLongTasks() {
  await new Promise((noted) => {
    const note = (list) => {
      if (!window.longTasks) return noted(Object.assign(window, { longTasks: [], since: performance.now() }));
      window.longTasks.push(...list.getEntries().map(({ duration }) => duration));
    };
    new PerformanceObserver(note).observe({ entryTypes: ["longtask"] });
    const begun = performance.now();
    setTimeout(() => {
      while (performance.now() - begun < 200);
    });
  });
}

/** The median and the most. */
function spread(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return `${Math.round(sorted[sorted.length >> 1])} (at most ${Math.round(sorted.at(-1))})`;
}
