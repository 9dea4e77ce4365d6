// What somebody does with the sample web client, from a first look to a crowded room.

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { Studio } from "./sample.js";

const studio = new Studio();
before(() => studio.start());
after(() => studio.stop());

const transports = [
  { name: "WebSockets", uses: (seen) => seen.webSockets > 0 },
  { name: "Server-Sent Events", uses: (seen) => seen.webSockets === 0 && seen.types.has("eventsource") },
  { name: "Long polling", uses: (seen) => seen.webSockets === 0 && !seen.types.has("eventsource") && seen.polls > 1 },
];

for (const { name, uses } of transports) {
  studio.story(`a page over ${name} receives what it sends`, async (open) => {
    const sample = await open();
    const seen = watchTraffic(sample.page, studio.stack.signalr);
    await sample.page.getByLabel("Transport").selectOption(name);
    await sample.state("Connected");

    await sample.send("over the wire");
    await sample.entry("over the wire");

    assert.ok(uses(seen), `seen: ${JSON.stringify({ ...seen, types: [...seen.types] })}`);
  });
}

studio.story("both events arrive, in words of any script and as text of any length", async (open) => {
  const sample = await open();
  const long = "no end ".repeat(1000).trim();

  await sample.send("žluťoučký 🎉 <b>kůň</b>");
  await sample.page.getByLabel("Event").selectOption("newMessage");
  await sample.send(long);
  await sample.entry(long);

  assert.deepEqual(await sample.messages(), [
    ["newNotification", "žluťoučký 🎉 <b>kůň</b>"],
    ["newMessage", long],
  ]);
});

studio.story("what is sent from elsewhere reaches every page, whatever it is", async (open) => {
  const pages = [await open(), await open()];

  await studio.stack.broadcast({ message: "from a terminal" });
  await studio.stack.broadcast({ target: "newMessage", arguments: [{ any: ["thing", 1.5, null] }] });
  await studio.stack.broadcast({ target: "newMessage" });
  await studio.stack.broadcast({ payload: "last" });

  for (const sample of pages) {
    await sample.entry("last");
    assert.deepEqual(await sample.messages(), [
      ["newNotification", "from a terminal"],
      ["newMessage", '{"any":["thing",1.5,null]}'],
      ["newMessage", ""],
      ["newMessage", "last"],
    ]);
  }
});

studio.story("the status is shown as the timer sends it", async (open) => {
  const sample = await open();

  await sample.button("Run the timer now").click();
  await sample.panel("Status").getByText("healthy", { exact: true }).waitFor();

  const facts = await sample.facts("Status");
  assert.deepEqual(Object.keys(facts), ["Active users", "Services", "Last updated"]);
  assert.match(facts["Last updated"], /^\d\d? \w+,? \d\d:\d\d:\d\d$/);
});

studio.story("a status of which nothing is known says so", async (open) => {
  const sample = await open();
  const unknown = { timestamp: "2024-01-01T00:00:00Z", servicesHealthy: null, activeUsers: null };

  await studio.stack.broadcast({ target: "statusUpdate", arguments: [unknown] });
  await sample.panel("Status").getByText("not counted").waitFor();
  assert.equal((await sample.facts("Status")).Services, "not known");

  await studio.stack.broadcast({ target: "statusUpdate", arguments: [{ ...unknown, servicesHealthy: false, activeUsers: 3 }] });
  await sample.panel("Status").getByText("not healthy").waitFor();
  assert.equal((await sample.facts("Status"))["Active users"], "3");
});

studio.story("a status of another form changes nothing", async (open) => {
  const sample = await open();
  const good = { timestamp: "2024-01-01T00:00:00Z", servicesHealthy: true, activeUsers: 7 };
  await studio.stack.broadcast({ target: "statusUpdate", arguments: [good] });

  const others = [[], [null], ["up"], [{}], [{ ...good, timestamp: "now" }], [{ ...good, activeUsers: { a: 1 } }]];
  for (const values of others) await studio.stack.broadcast({ target: "statusUpdate", arguments: values });
  await sample.send("last");
  await sample.entry("last");

  assert.equal((await sample.facts("Status"))["Active users"], "7");
});

studio.story("a refusal is shown in the function app's own words, and the text is kept", async (open) => {
  const sample = await open();

  const half = "\ud800";
  await sample.field("Message").evaluate((field, half) => (field.value = half), half);
  await sample.button("Send").click();

  await sample.page.getByText("half of a surrogate pair").waitFor();
  assert.equal((await sample.field("Message").inputValue()).length, 1);
});

studio.story("only the newest of many messages are kept", async (open) => {
  const sample = await open();

  for (let number = 1; number <= 350; number += 1) await studio.stack.service.sendToAll("newMessage", `number ${number}`);
  await sample.entry("number 350");

  const texts = (await sample.messages()).map(([, text]) => text);
  assert.equal(texts.length, 300);
  assert.equal(texts[0], "number 51");
  await sample.page.getByText("51 older ones are no longer shown.").waitFor();
});

describe("a page that cannot connect", () => {
  const stranger = new Studio();
  before(() => stranger.start({ origin: "http://localhost:1" }));
  after(() => stranger.stop());

  stranger.story("says that nobody answers, and what may help", async (open) => {
    const sample = await open({ connects: false });

    await sample.state(`Closed There is no answer from ${stranger.stack.host}.`);
    await sample.page.getByText("Start the function app with cargo dev.").waitFor();
  });
});

describe("a page that is set up wrongly says so", () => {
  const files = {
    '{"apiUrl": ': "This page has a bad config.json. It is not JSON.",
    '["http://localhost:7071/api"]': "This page has a bad config.json. It is no object.",
    '{"apiUrl": 7071}': "This page has a bad config.json. “apiUrl” is no text.",
    '{"apiUrl": "http://"}': "This page has a bad config.json. “http://” is no address of a function app.",
    '{"apiUrl": "localhost:7071/api"}': "This page has a bad config.json. “localhost:7071/api” is no address of a function app.",
  };
  for (const [body, expected] of Object.entries(files)) {
    studio.story(`with the config.json ${body}`, async (open) => {
      const prepare = ({ page }) => page.route("**/config.json", (route) => route.fulfill({ contentType: "application/json", body }));
      const sample = await open({ connects: false, prepare });

      await sample.page.getByRole("alert").getByText(expected, { exact: true }).waitFor();
    });
  }

  studio.story("with the address of something that is no function app", async (open) => {
    // Many static hosts answer every address with their own page.
    const answer = { contentType: "text/html", body: "<!doctype html><title>Welcome</title>", headers: { "access-control-allow-origin": "*" } };
    const prepare = ({ page }) => page.route("**/api/**", (route) => route.fulfill(answer));
    const sample = await open({ connects: false, prepare });

    await sample.state(`Closed The answer of ${studio.stack.host} is not that of a function app.`);
  });
});

/** What a page does at the service from now on. */
function watchTraffic(page, service) {
  const seen = { webSockets: 0, types: new Set(), polls: 0 };
  page.on("websocket", () => (seen.webSockets += 1));
  page.on("request", (request) => {
    if (new URL(request.url()).port !== new URL(service).port) return;
    seen.types.add(request.resourceType());
    if (request.method() === "GET") seen.polls += 1;
  });
  return seen;
}
