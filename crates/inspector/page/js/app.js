// The frame of the page: which view is shown, the stream of states, pause and filter.
//
// A view is `{ title, filters, mount(root, app) }`; `mount` returns `{ update(state), leave() }`, both optional. `update` is called with
// every state, unless the page is paused.

import { Reloading, follow } from "./api.js";
import { fill, h, write } from "./dom.js";
import { count } from "./format.js";
import { connections } from "./connections.js";
import { log } from "./log.js";
import { messages } from "./messages.js";
import { overview } from "./overview.js";
import { problems } from "./problems.js";
import { send } from "./send.js";
import { timers } from "./timers.js";
import { tokens } from "./tokens.js";
import { tryIt } from "./try.js";

const VIEWS = { overview, messages, connections, try: tryIt, send, timers, tokens, problems, log };
/** How long a filter waits for the next letter. */
const TYPING = 200;

const byId = (id) => document.getElementById(id);
const [main, live, filter, pause] = ["main", "live", "filter", "pause"].map(byId);

/** What views know of the page. */
const app = {
  /** The newest state, null before the first. */
  state: null,
  paused: false,
  /** What is typed into the filter. */
  get filter() {
    return filter.value.trim();
  },
};

let view = {};
let links = {};

function navigation() {
  const items = Object.entries(VIEWS).map(([name, { title }]) => {
    const number = h("span", { class: "count" });
    links[name] = { link: h("a", { href: `#/${name}` }, title, number), number };
    return h("li", {}, links[name].link);
  });
  fill(byId("views"), h("ul", {}, ...items));
}

/** Shows the view that the address names: `#/messages/12` is the view `messages` with the rest `12`. */
function show() {
  const [, name = "", ...rest] = location.hash.split("/");
  const chosen = VIEWS[name] ? name : "overview";
  view.leave?.();
  fill(main);
  for (const [other, { link }] of Object.entries(links)) {
    if (other === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const { title, filters, mount } = VIEWS[chosen];
  document.title = `${title} - Inspector`;
  byId("filter-box").hidden = !filters;
  view = mount(main, app, rest.map(decodeURIComponent).join("/")) ?? {};
  if (app.state) view.update?.(app.state);
}

function heard(state) {
  if (app.paused) return;
  app.state = state;
  const of = { messages: state.counts.chains, problems: state.counts.problems, connections: clients(state) };
  for (const [name, number] of Object.entries(of)) write(links[name].number, number ? count(number) : "");
  const lost = state.lost.host + state.lost.service;
  write(live, lost ? `live, ${count(lost)} events not recorded` : "live");
  view.update?.(state);
}

export function clients(state) {
  return (state.service?.hubs ?? []).reduce((sum, hub) => sum + hub.connections, 0);
}

function changed(how) {
  live.className = `live ${app.paused ? "" : how}`;
  if (how === "off") write(live, "the local stack has ended, or cannot be reached");
  else if (!app.paused) write(live, "live");
}

pause.addEventListener("click", () => {
  app.paused = !app.paused;
  if (app.paused) Reloading.pause();
  else Reloading.goOn();
  pause.setAttribute("aria-pressed", String(app.paused));
  write(pause, app.paused ? "Go on" : "Pause");
  live.className = `live ${app.paused ? "" : "on"}`;
  write(live, app.paused ? "paused; recording goes on" : "live");
});

let typing;
filter.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => view.refilter?.(), TYPING);
});

byId("skip").addEventListener("click", (event) => {
  // The address belongs to the views.
  event.preventDefault();
  main.focus();
});

navigation();
addEventListener("hashchange", () => {
  show();
  main.focus();
});
show();
follow(heard, changed);
