// The browser bundle of Microsoft's client in a page, as users have it: native WebSocket, EventSource and fetch, with
// credentials, from another origin than the app's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Stack } from "../stack.js";
import { clientToken } from "../tokens.js";
import { Wire } from "../wire.js";
import { Browser, PageServer } from "./chromium.js";
import { BrowserClient, clientFiles } from "./client.js";

const clients = [
  { transport: "WebSockets", protocol: "JSON" },
  { transport: "WebSockets", protocol: "MessagePack" },
  { transport: "ServerSentEvents", protocol: "JSON" },
  { transport: "LongPolling", protocol: "JSON" },
  { transport: "LongPolling", protocol: "MessagePack" },
];
const LAST = "last";
const TARGETS = ["newNotification", "newMessage", LAST];

let pages, stack, browser;
before(async () => {
  pages = await PageServer.start(clientFiles);
  stack = await Stack.start({ origin: pages.origin, userId: "{query.user}" });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await stack?.stop();
  pages?.stop();
});

for (const { transport, protocol } of clients) {
  describe(`Chromium, ${transport}, ${protocol}`, () => {
    const user = `pia-${transport}-${protocol}`;

    test("a page on an allowed origin connects, receives, and is gone when it stops", async (t) => {
      const client = await BrowserClient.open(t, browser, pages.origin);
      await client.start({ url: `${stack.host}/api?user=${user}`, transport, protocol, targets: TARGETS });
      await client.reports.connected();

      await stack.broadcast({ message: "žluťoučký 🎉" });
      await stack.broadcast({ target: "newMessage", arguments: [1, 1.5, true, null, { nested: ["x"] }] });
      await stack.service.sendToUser(user, "newMessage", "for Pia");
      await stack.service.sendToUser("quentin", "newMessage", "for others");
      await stack.service.sendToAll(LAST);

      assert.deepEqual(await client.reports.receivedUpTo(LAST), [
        ["newNotification", "žluťoučký 🎉"],
        ["newMessage", 1, 1.5, true, null, { nested: ["x"] }],
        ["newMessage", "for Pia"],
        [LAST],
      ]);
      await client.stop();
      assert.equal(await client.reports.closed(), undefined);
      await stack.service.untilGone(user);
    });

    test("a page whose connection is cut reconnects and receives", async (t) => {
      const wire = await Wire.to(stack.signalr);
      t.after(() => wire.close());
      const client = await BrowserClient.open(t, browser, pages.origin);
      const { url, accessToken } = await client.negotiate(`${stack.host}/api/negotiate?user=quentin`);
      const detour = url.replace(new URL(url).origin, wire.address);
      await client.start({ url: detour, token: accessToken, transport, protocol, targets: TARGETS });
      await client.reports.connected();

      wire.interrupt();
      await client.reports.reconnecting();
      wire.restore();
      await client.reports.connected(2);
      await stack.service.sendToAll(LAST, "again");

      assert.deepEqual(await client.reports.receivedUpTo(LAST), [[LAST, "again"]]);
    });

    test("a page with a bad token is told of the 401", async (t) => {
      const client = await BrowserClient.open(t, browser, pages.origin);
      const url = `${stack.signalr}/client/?hub=notifications`;
      await client.start({ url, token: clientToken({ lifetime: -3600 }), transport, protocol, targets: [] });

      assert.match(await client.reports.refused(), /Status code '401'/);
    });
  });
}

test("a page on any other origin is kept from the app by the browser", async (t) => {
  const client = await BrowserClient.open(t, browser, pages.stranger);
  await client.start({ url: `${stack.host}/api?user=pia`, ...clients[0], targets: [] });

  assert.match(await client.reports.refused(), /Failed to fetch/);
});
