// The newest lines of all parts in one place, newest first.

import { Reloading, get } from "./api.js";
import { h, keep, prose } from "./dom.js";
import { clock } from "./format.js";

const SHOWN = 200;

export const log = {
  title: "Log",
  filters: true,
  mount(root, app) {
    const list = h("ol", { class: "log" });
    const empty = h("p", { class: "empty" }, "Nothing that fits.");
    const load = new Reloading(async () => {
      const { lines } = await get(`/api/log?${new URLSearchParams({ limit: SHOWN, q: app.filter })}`);
      empty.hidden = lines.length > 0;
      keep(list, lines.reverse(), ({ number }) => number, line);
    });
    root.append(h("h1", {}, "Log"), h("p", { class: "lead" }, "As a stream: ", h("code", {}, "curl -N " + location.origin + "/api/events")), h("section", { class: "card" }, list, empty));
    return { ...load.following("lines"), refilter: () => load.now() };
  },
};

function line({ at, source, level, text, chain }) {
  const said = h("span", { class: level }, ...prose(text), " ", chain && h("a", { href: `#/messages/${chain}`, class: "small" }, `message ${chain}`));
  return h("li", {}, h("span", { class: "quiet" }, clock(at)), h("span", {}, source), said);
}
