// Live connections: who they are, what waits for them, and what may be done to them.

import { Reloading, get, post } from "./api.js";
import { cell, h, keep, table, write } from "./dom.js";
import { bytes, count, day, plural, span } from "./format.js";

const SHOWN = 100;
const PERIOD = 1000;
const COLUMNS = [["Connection"], ["User"], ["Hub"], ["Transport"], ["Groups"], ["Queue", "number"], ["Sent", "number"], ["Received", "number"], ["Since"], ["Actions"]];

export const connections = {
  title: "Connections",
  filters: true,
  mount(root, app) {
    const { element, body } = table("Live connections", COLUMNS);
    const note = h("p", { class: "quiet small", role: "status" });
    const act = async (action, id) => {
      await post(`/api/connections/${encodeURIComponent(id)}/${action}`, { reason: "closed in the inspector", reconnect: false })
        .then(() => write(note, `${action === "cut" ? "Cut" : "Closed"} ${id}.`))
        .catch((error) => write(note, error.message));
      load.now();
    };
    const summary = h("p", { class: "quiet small" });
    const load = new Reloading(async () => {
      const list = await get(`/api/connections?${new URLSearchParams({ limit: SHOWN, q: app.filter })}`);
      keep(body, list.connections, ({ connectionId }) => connectionId, (one) => row(one, act));
      const shown = list.connections.length;
      write(summary, `${plural(list.count, "connection")}${shown < list.count ? `, ${count(shown)} of ${count(list.matching)} that fit are shown` : ""}`);
    }, PERIOD);
    root.append(
      h("h1", {}, "Connections"),
      h("p", { class: "lead" }, "Cut drops the transport without a word, as a pulled cable does: clients with automatic reconnect come back. Close tells the client, which stays away."),
      h("section", { class: "card" }, summary, element, note),
    );
    load.now();
    return { update: () => load.soon(), refilter: () => load.now(), leave: () => load.stop() };
  },
};

function row({ connectionId, claims, connectedAt, hub, transport, protocol, userId }, act) {
  const [groups, queue, sent, received] = [["Groups", ""], ["Queue", "number"], ["Sent", "number"], ["Received", "number"]].map(([label, kind]) => cell(label, kind));
  const button = (label, action) =>
    h("button", { type: "button", class: "small", "aria-label": `${label} ${connectionId}`, onclick: () => act(action, connectionId) }, label);
  const token = h("details", {}, h("summary", {}, "token"), ...about(claims), h("pre", { tabindex: "0", "aria-label": "claims" }, JSON.stringify(claims, null, 2)));
  const element = h(
    "tr",
    {},
    cell("Connection", "", h("code", {}, connectionId), token),
    cell("User", "", userId ?? h("span", { class: "quiet" }, "anonymous")),
    cell("Hub", "", hub),
    cell("Transport", "", `${transport}, ${protocol}`),
    groups,
    queue,
    sent,
    received,
    cell("Since", "", day(connectedAt)),
    cell("Actions", "nowrap", button("Cut", "cut"), " ", button("Close", "close")),
  );
  element.refresh = (now) => {
    write(groups, now.groups.join(", "));
    write(queue, now.waiting.messages ? `${count(now.waiting.messages)}, ${bytes(now.waiting.bytes)}` : "0");
    write(sent, count(now.sent.messages));
    write(received, count(now.received.messages));
  };
  return element;
}

/** What is worth knowing of a token that let somebody in. */
function about(claims) {
  const notes = [];
  if (claims.exp) {
    const over = claims.exp * 1000 < Date.now();
    notes.push(over ? "It has expired; the connection stays, a reconnect needs a new token." : `It is good for ${span(Date.now(), claims.exp * 1000)} more.`);
  }
  return notes.map((note) => h("p", { class: "small quiet" }, note));
}
