// Users and groups in the sample web client: who gets what, and what survives a reconnect.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { Studio } from "./sample.js";

const studio = new Studio();
before(() => studio.start());
after(() => studio.stop());

studio.story("a message to a user reaches all pages of that user, and nobody else's", async (open) => {
  const [ada, adaToo, bob] = [await open(), await open(), await open()];
  await ada.signIn("ada");
  await adaToo.signIn("ada");
  await bob.signIn("bob");

  await bob.send("for Ada", { user: "ada" });

  await receive([ada, adaToo], ["for Ada"]);
  await receive([bob], []);
});

studio.story("a user's name may be in any script, and a reload keeps it until the user signs out", async (open) => {
  const sample = await open();
  await sample.signIn("žofie 🎉/?#");
  await sample.page.reload();
  await sample.state("Connected");
  assert.equal((await sample.facts("You")).Name, "žofie 🎉/?#");

  await sample.button("Sign out").click();
  await sample.panel("You").getByText("none", { exact: true }).waitFor();
  await sample.page.reload();
  await sample.state("Connected");
  assert.equal((await sample.facts("You")).Name, "none");
});

studio.story("everybody who is online is listed, and can be written to", async (open) => {
  const [ada, adaToo, nobody] = [await open(), await open(), await open()];
  await ada.signIn("ada");
  await adaToo.signIn("ada");
  await ada.online("ada you, 2 pages");
  await ada.online("1 without a name");
  await nobody.online("ada 2 pages");

  await nobody.button("Write to ada").click();
  assert.equal(await nobody.field("Message").evaluate((field) => document.activeElement === field), true);
  await nobody.page.keyboard.type("found you");
  await nobody.page.keyboard.press("Enter");

  await ada.entry("found you");

  await adaToo.button("Disconnect").click();
  await nobody.online("ada 1 page");
  await adaToo.online("ada 1 page");
});

studio.story("a message to a group reaches its members while they are members", async (open) => {
  const [member, other] = [await open(), await open()];
  await member.join("orders");

  await other.send("one", { group: "orders" });
  await receive([member], ["one"]);
  await receive([other], []);

  await member.button("Leave group orders").click();
  await member.panel("Groups").getByText("This page is in no group.").waitFor();
  await other.send("two", { group: "orders" });
  await receive([member], ["one"]);
});

studio.story("a page whose connection is cut joins its groups again", async (open, t) => {
  let wire;
  const sample = await open({ prepare: async (sample) => (wire = await sample.throughWire(t)) });
  await sample.join("orders");
  await sample.join("kitchen");

  wire.interrupt();
  await sample.state("Reconnecting…");
  assert.equal(await sample.panel("Groups").getByText("waiting").count(), 2);
  wire.restore();
  await sample.joined("orders");
  await sample.joined("kitchen");
  await sample.send("fresh", { group: "orders" });

  await receive([sample], ["fresh"]);
});

studio.story("a page that has left a group while it was away does not join it again", async (open) => {
  const sample = await open();
  await sample.join("orders");
  await sample.button("Disconnect").click();
  await sample.button("Leave group orders").click();
  await sample.field("Group").fill("kitchen");
  await sample.button("Join").click();
  await sample.button("Reconnect").click();
  await sample.joined("kitchen");

  await sample.send("to orders", { group: "orders" });
  await sample.send("to kitchen", { group: "kitchen" });

  await receive([sample], ["to kitchen"]);
});

studio.story("a group that cannot be joined says why", async (open) => {
  const sample = await open();
  await sample.field("Group").fill("online");
  await sample.button("Join").click();

  await sample.panel("Groups").getByRole("alert").getByText("is this app's own").waitFor();
  await sample.button("Join online again").waitFor();
  await sample.button("Leave group online").click();
  await sample.panel("Groups").getByText("This page is in no group.").waitFor();
});

/** Asserts what the pages have received up to now. A last message to all is the proof that nothing is still on its way. */
async function receive(pages, expected) {
  const last = `last ${Math.random()}`;
  await studio.stack.service.sendToAll("newMessage", last);
  for (const page of pages) {
    await page.entry(last);
    const texts = (await page.messages()).map(([, text]) => text);
    assert.deepEqual(texts.filter((text) => !text.startsWith("last ")), expected);
  }
}

