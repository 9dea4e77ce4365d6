// The sample web client for everybody: by keyboard, on a phone, in light and dark, and as axe judges it.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { assertAccessible } from "./axe.js";
import { Studio } from "./sample.js";

const DESKTOP = { viewport: { width: 1280, height: 840 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const studio = new Studio();
before(() => studio.start());
after(() => studio.stop());

for (const [device, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  studio.story(`axe finds nothing wrong on a ${device}, in light and dark`, async (open) => {
    const sample = await open(options);
    await judge(sample, `${device} empty`);

    const bob = await open();
    await bob.signIn("bob");
    await sample.signIn("ada");
    await sample.join("orders");
    await bob.send("Version 42 is live.");
    await bob.send("Order 1017 is packed.", { group: "orders" });
    await bob.page.getByLabel("Event").selectOption("newMessage");
    await bob.send("Lunch at noon?", { user: "ada" });
    await sample.entry("Lunch at noon?");
    await sample.send("Order 1017 is on its way.", { group: "orders" });
    await sample.entry("Order 1017 is on its way.");
    await sample.button("Run the timer now").click();
    await sample.panel("Status").getByText("healthy", { exact: true }).waitFor();
    await sample.online("bob");
    await judge(sample, `${device} used`);

    await sample.button("Disconnect").click();
    await sample.state("Closed");
    await judge(sample, `${device} closed`);
  });
}

studio.story("everything can be reached and done with the keyboard alone", async (open) => {
  const ada = await open();
  await ada.signIn("ada");
  await ada.online("ada");
  const sample = await open(DESKTOP);
  await sample.button("Write to ada").waitFor();
  const { keyboard } = sample.page;

  await keyboard.press("Tab");
  assert.equal(await focused(sample.page), "Skip to the message");
  await keyboard.press("Enter");
  assert.equal(await focused(sample.page), "Message");
  await keyboard.type("typed");
  await keyboard.press("Enter");
  await sample.entry("typed");
  assert.equal(await focused(sample.page), "Message");

  // The recipient is a group of radio buttons: one stop, and arrow keys within.
  await keyboard.press("Shift+Tab");
  await keyboard.press("Shift+Tab");
  assert.equal(await focused(sample.page), "Everybody");
  await keyboard.press("ArrowRight");
  assert.equal(await focused(sample.page), "User");
  await keyboard.press("Tab");
  assert.equal(await focused(sample.page), "User’s name");
  await keyboard.press("Shift+Tab");
  await keyboard.press("ArrowLeft");

  await stops(sample.page);
  assert.deepEqual(await stops(sample.page), [
    "Skip to the message",
    "Disconnect",
    "Clear",
    "Messages",
    "Everybody",
    "Event",
    "Message",
    "Send",
    "Transport",
    "Development user",
    "Sign in",
    "Run the timer now",
    "Refresh",
    "Write to ada",
    "Group",
    "Join",
  ]);
});

studio.story("the focus stays where it was when a button changes its meaning", async (open) => {
  const sample = await open(DESKTOP);

  await sample.button("Disconnect").focus();
  await sample.page.keyboard.press("Enter");
  await sample.state("Closed");
  assert.equal(await focused(sample.page), "Reconnect");
  await sample.page.keyboard.press("Enter");
  await sample.state("Connected");
  assert.equal(await focused(sample.page), "Disconnect");
});

studio.story("on a phone nothing is cut off, and a tap sends", async (open) => {
  const sample = await open(PHONE);

  await sample.field("Message").fill("on the go");
  await sample.button("Send").tap();
  await sample.entry("on the go");

  // 320 is what is left of a wide screen at four times the size (WCAG 1.4.10).
  for (const width of [390, 320]) {
    await sample.page.setViewportSize({ width, height: 844 });
    const { scrollWidth, clientWidth } = await sample.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return { scrollWidth, clientWidth };
    });
    assert.equal(clientWidth, width);
    assert.equal(scrollWidth, width, "the page scrolls sideways");
  }
});

/** Lets axe look at the page as it is, and keeps pictures of what it sees. */
function judge(sample, name) {
  return assertAccessible(sample.page, (colorScheme) => sample.keepPicture(`sample ${name} ${colorScheme}`));
}

/** What has the focus, by its name. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    const titled = document.getElementById(element.getAttribute("aria-labelledby"))?.textContent;
    return element.getAttribute("aria-label") ?? titled ?? (labels.length > 0 ? labels.join(" ") : element.textContent);
  });
}

/** Everything that the Tab key comes by from here to the end of the page, which is followed by its beginning. */
async function stops(page) {
  const names = [];
  for (;;) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement === document.body)) return names;
    names.push(await focused(page));
  }
}
