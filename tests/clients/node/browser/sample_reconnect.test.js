// What the sample web client shows when its connection is lost, comes back, or does not.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { Studio } from "./sample.js";

const studio = new Studio();
before(() => studio.start());
after(() => studio.stop());

studio.story("a page whose connection is cut says so, comes back with another id and receives", async (open, t) => {
  let wire;
  const sample = await open({ prepare: async (sample) => (wire = await sample.throughWire(t)) });
  const { Connection: firstId } = await sample.facts("You");

  wire.interrupt();
  await sample.state("Reconnecting… attempt 2");
  wire.restore();
  await sample.state("Connected");
  await studio.stack.broadcast({ message: "welcome back" });

  await sample.entry("welcome back");
  await sample.entry("Reconnected");
  const { Connection: secondId } = await sample.facts("You");
  assert.notEqual(secondId, firstId);
});

studio.story("a page that the service closes says why, and comes back", async (open) => {
  const sample = await open();
  const { Connection: id } = await sample.facts("You");

  await studio.stack.service.closeConnection(id, "closing time");

  await sample.entry("Connection lost. Server returned an error on close: closing time");
  await sample.entry("Reconnected");
});

studio.story("a page that the service closes for good says why, and connects again when asked to", async (open) => {
  let close;
  const prepare = ({ page }) =>
    page.routeWebSocket("**/client/?*", (socket) => {
      socket.connectToServer();
      close = (reason) => socket.send(`${JSON.stringify({ type: 7, error: reason, allowReconnect: false })}\x1e`);
    });
  const sample = await open({ prepare });
  const { Connection: id } = await sample.facts("You");

  close("no more");
  await sample.state("Closed Server returned an error on close: no more");
  await studio.stack.broadcast({ message: "missed" });
  await sample.button("Reconnect").click();
  await sample.state("Connected");
  await studio.stack.broadcast({ message: "not missed" });

  await sample.entry("not missed");
  assert.deepEqual(await sample.messages(), [["newNotification", "not missed"]]);
  assert.notEqual((await sample.facts("You")).Connection, id);
});

studio.story("a page that cannot come back gives up after a minute, and says why", async (open, t) => {
  let wire;
  const prepare = async (sample) => {
    await sample.page.clock.install();
    wire = await sample.throughWire(t);
  };
  const sample = await open({ prepare });

  wire.interrupt();
  for (let attempt = 2; attempt <= 10; attempt += 1) {
    await sample.state(`Reconnecting… attempt ${attempt}`);
    await sample.page.clock.runFor(8_000);
  }

  await sample.state(`Closed Given up. There is no answer from ${wire.address}.`);
  wire.restore();
  await sample.button("Reconnect").click();
  await sample.state("Connected");
});

studio.story("a page that disconnects stays so, and the service knows", async (open) => {
  const sample = await open();
  await sample.button("Disconnect").click();

  await sample.state("Closed You disconnected.");
  await sample.entry("Closed. You disconnected.");
  assert.deepEqual(await sample.facts("You"), { Name: "–", Connection: "–", Transport: (await sample.facts("You")).Transport });
  await sample.button("Reconnect").click();
  await sample.state("Connected");
});

studio.story("a page that is told to disconnect while it reconnects gives up", async (open, t) => {
  let wire;
  const sample = await open({ prepare: async (sample) => (wire = await sample.throughWire(t)) });

  wire.interrupt();
  await sample.state("Reconnecting… attempt 2");
  await sample.button("Disconnect").click();
  await sample.state("Closed You disconnected.");
  wire.restore();
  await sample.button("Reconnect").click();

  await sample.state("Connected");
});

studio.story("a page outlives the function app and the service, and joins its groups again", async (open) => {
  const sample = await open({ prepare: ({ page }) => page.clock.install() });
  await sample.join("orders");

  await studio.restart(() => sample.state("Reconnecting…"));
  await sample.page.clock.runFor(8_000);
  await sample.joined("orders");
  await sample.send("all is well", { group: "orders" });

  await sample.entry("all is well");
});
