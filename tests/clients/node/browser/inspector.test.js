// The inspector as somebody uses it who wonders where a message went, and as axe judges it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { clients, connect, postFlow } from "../clients.js";
import { Stack } from "../stack.js";
import { within } from "../waiting.js";
import { Browser } from "./chromium.js";
import { keepPicture } from "./pictures.js";

const { source: axe } = createRequire(import.meta.url)("axe-core");

const DEADLINE = 15_000;
const VIEWS = ["Overview", "Messages", "Connections", "Try it", "Send", "Timers", "Tokens", "Problems", "Log"];
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let stack, browser;
before(async () => {
  stack = await Stack.start({ schedule: "0 0 0 1 1 *" });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await stack?.stop();
});

/** A test with the page in it, which is shown to be free of errors at the end. */
function story(name, use, options) {
  test(name, async (t) => {
    const { page, console } = await browser.newPage(t, { locale: "en-GB", ...options });
    page.setDefaultTimeout(DEADLINE);
    await page.goto(stack.inspector);
    await use(page, t);
    assert.deepEqual(console, []);
  });
}

const view = (page, name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }).click();
const button = (page, name) => page.getByRole("button", { name, exact: true });

story("a broadcast is followed from the call of the function to the connection that has it", async (page, t) => {
  const { connection } = await connect(t, await postFlow.builder(clients[0], stack));
  await stack.broadcast({ message: "where does it go?" });

  await view(page, "Messages");
  await page.getByRole("row", { name: /POST \/api\/broadcast/ }).getByRole("link").first().click();

  const steps = page.locator(".chain > li");
  await steps.nth(3).waitFor();
  assert.deepEqual(await steps.getByRole("heading").allTextContents(), ["Cause", "Invocation", "Handler output", "Call of the service"]);
  const [cause, invocation, output, call] = await steps.allTextContents();
  assert.match(cause, /POST \/api\/broadcast.*where does it go\?.*"sent": true/s);
  assert.match(invocation, /broadcast.*succeeded/s);
  assert.match(output, /signalRMessages.*newNotification/s);
  assert.match(call, /\/api\/hubs\/notifications\/:send.*202.*everyone in hub notifications/s);
  assert.ok(call.includes(connection.connectionId), call);
  await page.getByText("fine: 1 connection has it").waitFor();
});

story("a message to somebody who is not there says so, and is found by its user", async (page) => {
  await stack.service.sendToUser("nobody-knows", "newMessage", "lost");

  await view(page, "Messages");
  await page.getByRole("searchbox", { name: "Filter" }).fill("nobody-knows");
  await page.getByRole("row", { name: /newMessage to user nobody-knows/ }).getByRole("link").first().click();

  await page.getByText("check:").waitFor();
  assert.match(await page.locator(".banner").textContent(), /nobody is connected to hub notifications|no connection in hub/);
});

story("the client in the page connects, calls a function, and receives; a cut ends it", async (page) => {
  await view(page, "Try it");
  await button(page, "Connect").click();
  await page.getByText("connected as").waitFor();
  const id = (await page.locator("#try-status").textContent()).replace("connected as ", "");
  await page.getByLabel("Body").fill('{"message":"seen at once"}');
  await button(page, "Call").click();
  await page.getByText("Answered 200.").waitFor();
  await page.locator("#try-inbox").getByText('"seen at once"').waitFor();

  await view(page, "Connections");
  await button(page, `Cut ${id}`).click();
  await page.getByText(`Cut ${id}.`).waitFor();
  await view(page, "Try it");
  await page.getByText(/not connected: the transport ended/).waitFor();
});

story("what the README begins with: connect, call, and see", async (page) => {
  await page.goto(`${stack.inspector}/#/try`);
  await button(page, "Connect").click();
  await page.getByText("connected as").waitFor();
  await button(page, "Call").click();
  await page.locator("#try-inbox li", { hasText: 'newNotification "Hello"' }).waitFor();
  await page.getByRole("link", { name: "See what it caused" }).click();
  await page.getByText(/^fine: \d+ connections? ha(s|ve) it$/).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  story(
    `a message from its cause to those who have it, as a picture for the README, ${colorScheme}`,
    async (page, t) => {
      for (const number of [0, 1]) await connect(t, await postFlow.builder(clients[number], stack));
      await stack.broadcast({ message: "Version 42 is live." });
      await view(page, "Messages");
      await page.getByRole("row", { name: /POST \/api\/broadcast/ }).getByRole("link").first().click();
      await page.getByRole("heading", { name: "Call of the service" }).waitFor();
      await page.getByText("fine: 2 connections have it").waitFor();
      await keepPicture(page, `inspector message ${colorScheme}`, { fullPage: true });
    },
    { colorScheme, viewport: { width: 1000, height: 600 } },
  );
}

story("a message of the console reaches the group that a client was put into", async (page, t) => {
  const { connection } = await connect(t, await postFlow.builder(clients[0], stack));
  const received = new Promise((resolve) => connection.on("fromTheConsole", resolve));

  await view(page, "Send");
  const group = page.locator("form", { hasText: "A group" });
  await group.getByLabel("Its id").fill(connection.connectionId);
  await group.getByLabel("Group").fill("red");
  await group.getByRole("button").click();
  await group.getByText("Done.").waitFor();
  const message = page.locator("form", { hasText: "A message" });
  await message.getByLabel("To").selectOption("one group");
  await message.getByLabel("Its id").fill("red");
  await message.getByLabel("Client method").fill("fromTheConsole");
  await message.getByLabel("Arguments").fill('["for red"]');
  await message.getByRole("button").click();

  assert.equal(await within(DEADLINE, received, () => "nothing came from the console"), "for red");
});

story("a timer is run, and its chain is there", async (page) => {
  await view(page, "Timers");
  await button(page, "Run now: statusUpdate").click();
  await page.getByRole("row", { name: /statusUpdate.*succeeded/ }).waitFor();

  await view(page, "Messages");
  await page.getByRole("row", { name: /statusUpdate to everyone/ }).waitFor();
});

story("a refused client is listed with what its token says", async (page) => {
  const claims = Buffer.from(JSON.stringify({ aud: "http://localhost/client/?hub=wrong", exp: 1 })).toString("base64url");
  const token = `eyJhbGciOiJIUzI1NiJ9.${claims}.c2lnbmF0dXJl`;
  const answer = await fetch(`${stack.signalr}/client/negotiate?hub=notifications`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 401);

  await view(page, "Problems");
  const refusal = page.locator("article", { hasText: "The signature key was not found" });
  await refusal.getByText("Claims of its token").click();
  assert.match(await refusal.textContent(), /hub=wrong/);
  await view(page, "Tokens");
  await page.getByLabel("Token").fill(token);
  await button(page, "Take apart").click();
  await page.getByText("The service would refuse it.").waitFor();
});

story("a page that is paused does not change", async (page) => {
  await view(page, "Messages");
  await button(page, "Pause").click();
  const other = await page.context().newPage();
  await other.goto(`${stack.inspector}/#/messages`);
  const row = { name: /whilePaused to everyone/ };

  await stack.service.sendToAll("whilePaused");
  await other.getByRole("row", row).waitFor();
  assert.equal(await page.getByRole("row", row).count(), 0);

  await button(page, "Go on").click();
  await page.getByRole("row", row).waitFor();
});

for (const [device, options] of Object.entries({ desktop: {}, phone: PHONE })) {
  for (const colorScheme of ["light", "dark"]) {
    story(
      `axe finds nothing wrong in any view, ${device}, ${colorScheme}`,
      async (page, t) => {
        await connect(t, await postFlow.builder(clients[0], stack));
        await stack.broadcast({ message: "for axe" });
        for (const name of VIEWS) {
          await view(page, name);
          await page.getByRole("heading", { level: 1, name }).waitFor();
          await judge(page, name);
        }
        await view(page, "Messages");
        await page.getByRole("row", { name: /POST \/api\/broadcast/ }).getByRole("link").first().click();
        await page.getByRole("heading", { name: "Call of the service" }).waitFor();
        await judge(page, "a message");
      },
      { ...options, colorScheme },
    );
  }
}

async function judge(page, name) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, [], name);
  const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
  assert.equal(scrollWidth, clientWidth, `${name} scrolls sideways`);
}
