// The first view: the parts of the stack and how they are, the last minute, and what happened last.

import { Reloading, get } from "./api.js";
import { fill, h, write } from "./dom.js";
import { count, plural, span } from "./format.js";
import { rows } from "./messages.js";

const FIGURES = [
  ["messages", "messages per second"],
  ["deliveries", "deliveries per second"],
  ["invocations", "function runs per second"],
  ["drops", "drops per second"],
];
const SVG = "http://www.w3.org/2000/svg";
const LAST = 8;

export const overview = {
  title: "Overview",
  mount(root, app) {
    const [clients, service, host, handler] = ["Clients", "SignalR service", "Functions host", "Handler"].map(part);
    const figures = FIGURES.map(([, label]) => figure(label));
    const list = rows("What happened last");
    const empty = h("p", { class: "empty" }, "Nothing yet. ", h("a", { href: "#/try" }, "Connect and send a message"), " to see it here.");
    const load = new Reloading(async () => {
      const { chains } = await get(`/api/chains?limit=${LAST}`);
      empty.hidden = chains.length > 0;
      list.show(chains);
    });
    root.append(
      h("h1", {}, "Overview"),
      h("ol", { class: "topology" }, clients.element, arrow(), service.element, arrow(), host.element, arrow(), handler.element),
      h("dl", { class: "figures" }, ...figures.map(({ element }) => element)),
      h("section", { class: "card" }, h("h2", {}, "What happened last"), list.element, empty),
    );
    const chains = load.following("chains");
    return {
      ...chains,
      update(state) {
        showClients(clients, state);
        showService(service, state);
        showHost(host, state);
        showHandler(handler, state);
        FIGURES.forEach(([name], index) => figures[index].show(state.lastMinute.map((second) => second[name])));
        chains.update(state);
      },
    };
  },
};

function showClients(part, { service }) {
  const hubs = service?.hubs ?? [];
  const sum = hubs.reduce((all, hub) => all + hub.connections, 0);
  const lines = hubs.map((hub) => `${hub.name}: ${count(hub.connections)}`);
  part.show(sum ? "good" : "", plural(sum, "connection"), lines.slice(0, 4));
}

function showService(part, { service }) {
  if (!service) return part.show("warn", "not local", ["The app uses the service of its settings, or the emulator is stopped."]);
  part.show("good", "running", [service.address, plural(service.hubs.length, "hub")]);
}

function showHost(part, { host }) {
  if (!host) return part.show("warn", "starting", []);
  const broken = host.broken.length ? [`${plural(host.broken.length, "function")} in error: ${host.broken.map(({ name }) => name).join(", ")}`] : [];
  part.show(broken.length ? "warn" : "good", "running", [`http://${host.address}`, plural(host.functions.length, "function"), ...broken]);
}

function showHandler(part, { handler, now }) {
  const states = { notStarted: ["", "not started by the host"], starting: ["warn", "starting"], ready: ["good", "ready"], down: ["bad", "down"] };
  const [level, word] = states[handler.state];
  part.show(level, word, [
    handler.processId && `process ${handler.processId}`,
    handler.since && `for ${span(handler.since, now)}`,
    handler.starts > 1 && `started ${handler.starts} times`,
    handler.state !== "ready" && handler.failure,
  ]);
}

function part(title) {
  const state = h("p", { class: "big" });
  const lines = h("div");
  const element = h("li", { class: "part" }, h("h2", {}, title), state, lines);
  let shown;
  return {
    element,
    show(level, word, facts) {
      const wanted = JSON.stringify([level, word, facts]);
      if (wanted === shown) return;
      shown = wanted;
      element.className = `part ${level}`;
      write(state, word);
      fill(lines, ...facts.filter(Boolean).map((fact) => h("p", {}, fact)));
    },
  };
}

function arrow() {
  return h("li", { class: "arrow", "aria-hidden": "true" }, h("span", {}, "⇄"));
}

/** A number with the minute behind it. The number is the mean of the last five seconds, or it would flicker. */
function figure(label) {
  const value = h("dd");
  const line = document.createElementNS(SVG, "polyline");
  const spark = document.createElementNS(SVG, "svg");
  for (const [name, text] of Object.entries({ class: "spark", viewBox: "0 0 59 32", preserveAspectRatio: "none", "aria-hidden": "true" })) {
    spark.setAttribute(name, text);
  }
  spark.append(line);
  return {
    element: h("div", { class: "figure" }, h("dt", {}, label), value, h("dd", { class: "hidden" }, ""), spark),
    show(values) {
      const recent = values.slice(-5);
      const mean = recent.reduce((sum, one) => sum + one, 0) / recent.length;
      write(value, mean >= 10 || mean === 0 ? count(Math.round(mean)) : mean.toFixed(1));
      const top = Math.max(...values, 1);
      const points = values.map((one, index) => `${index},${(31 - (one / top) * 30).toFixed(1)}`).join(" ");
      if (line.getAttribute("points") !== points) line.setAttribute("points", points);
    },
  };
}
