// The list of chains, newest first. One of them is shown by chain.js.

import { Reloading, get } from "./api.js";
import { cell, h, keep, table, write } from "./dom.js";
import { VERDICTS, clock, count, milliseconds } from "./format.js";
import { mountChain } from "./chain.js";

const SHOWN = 100;
const COLUMNS = [["Time"], ["Cause"], ["Function"], ["Effect"], ["Delivered", "number"], ["Took", "number"], ["Verdict"]];

export const messages = {
  title: "Messages",
  filters: true,
  mount(root, app, id) {
    return id ? mountChain(root, id) : mountList(root, app);
  },
};

function mountList(root, app) {
  const list = rows("Messages and what caused them");
  const trouble = h("input", { type: "checkbox", id: "trouble", onchange: () => load.now() });
  const note = h("p", { class: "quiet small" });
  const load = new Reloading(async () => {
    const query = new URLSearchParams({ limit: SHOWN, q: app.filter });
    if (trouble.checked) query.set("only", "trouble");
    const { chains, kept } = await get(`/api/chains?${query}`);
    list.show(chains);
    write(note, chains.length ? `The newest ${count(chains.length)} of ${count(kept)} that are kept.` : "Nothing that fits.");
  });
  root.append(
    h("h1", {}, "Messages"),
    h("p", { class: "lead" }, "Each line is one chain of cause and effect: from what started it to those who have the message. Open one to see every step."),
    h(
      "section",
      { class: "card" },
      h("p", { class: "row" }, h("label", { class: "checkbox", for: "trouble" }, trouble, "Only what went wrong or reached nobody")),
      list.element,
      note,
    ),
  );
  return { ...load.following("chains"), refilter: () => load.now() };
}

/** A table of chains. */
export function rows(caption) {
  const { element, body } = table(caption, COLUMNS);
  return { element, show: (chains) => keep(body, chains, ({ id }) => id, row) };
}

function row(chain) {
  const [effect, delivered, took] = ["", "number", "number nowrap"].map((kind, index) => cell(["Effect", "Delivered", "Took"][index], kind));
  const [cause, name, badge] = [h("a", { href: `#/messages/${chain.id}` }), cell("Function", "nowrap"), h("span")];
  const verdict = cell("Verdict", "", badge);
  const element = h("tr", {}, cell("Time", "nowrap", clock(chain.at)), cell("Cause", "", cause), name, effect, delivered, took, verdict);
  element.refresh = (now) => {
    write(cause, now.cause);
    write(name, now.function);
    write(effect, now.effect);
    write(delivered, now.dropped ? `${count(now.delivered)}, ${count(now.dropped)} dropped` : now.messages ? count(now.delivered) : "");
    write(took, milliseconds(now.durationMs));
    badge.className = `verdict ${now.verdict.level}`;
    write(badge, VERDICTS[now.verdict.level]);
    badge.title = now.verdict.text;
  };
  return element;
}
