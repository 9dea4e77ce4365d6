// One chain, step by step: what started it, the invocation, what the handler gave, each call of the service, and who has the message.

import { Reloading, get } from "./api.js";
import { excerpt, facts, fill, h, prose } from "./dom.js";
import { VERDICTS, bytes, clock, count, day, milliseconds, plural, whom } from "./format.js";

export function mountChain(root, id) {
  const place = h("div");
  let shown;
  const load = new Reloading(async () => {
    const answer = await get(`/api/chains/${encodeURIComponent(id)}`).catch((error) => ({ error }));
    const text = JSON.stringify(answer);
    if (shown === text) return;
    shown = text;
    if (answer.error) fill(place, h("p", { class: "empty" }, answer.error.message));
    else fill(place, ...whole(answer));
  });
  root.append(h("p", {}, h("a", { href: "#/messages" }, "All messages")), h("h1", {}, `Message ${id}`), place);
  return load.following("chains");
}

function whole({ summary, chain, cure }) {
  return [
    verdict(summary.verdict, cure),
    h("ol", { class: "chain" }, ...steps(chain).map(({ level = "", title, content }) => h("li", { class: level }, h("h2", {}, title), h("div", { class: "card" }, ...content)))),
  ];
}

/** The verdict in one box. */
export function verdict({ level, text, code }, cure) {
  return h(
    "div",
    { class: `banner ${level}` },
    h("strong", {}, `${VERDICTS[level]}: `),
    ...prose(text),
    cure && h("p", {}, ...prose(`${code} ${cure.title}. ${cure.cure}`)),
  );
}

function steps({ origin, invocation, calls, callsLeftOut, at }) {
  return [
    { title: "Cause", content: cause(origin, at) },
    invocation?.function && { title: "Invocation", level: invocation.ended?.error ? "problem" : "", content: run(invocation) },
    invocation?.outputs && { title: "Handler output", content: outputs(invocation.outputs) },
    ...calls.map(call),
    callsLeftOut > 0 && { title: "More calls", content: [`${count(callsLeftOut)} more calls of this invocation are not kept.`] },
  ].filter(Boolean);
}

const CAUSES = {
  http: "an HTTP call",
  timer: "a timer",
  client: "a client",
  byHand: "run by hand",
  caller: "a caller of the service's REST interface, without a function",
  inspector: "this inspector",
};

function cause(origin, at) {
  const { upstream } = origin;
  return [
    facts([
      ["by", CAUSES[origin.kind]],
      ["at", day(at)],
      ["request", origin.target && h("code", {}, `${origin.method} ${origin.target}`)],
      ["answer", origin.response && String(origin.response.status)],
      ["hub", origin.hub],
      ["event", origin.event && `${origin.category} ${origin.event}`],
      ["connection", origin.connectionId && h("code", {}, origin.connectionId)],
      ["user", origin.userId],
      ["named", origin.correlation],
      ["upstream", upstream && `${upstream.url}: ${outcome(upstream.outcome)} ${milliseconds(upstream.elapsedMs)}`],
    ]),
    excerpt(origin.body, "request body"),
    excerpt(origin.arguments, "arguments"),
    excerpt(origin.response?.body, "response body"),
  ].filter(Boolean);
}

function outcome(result) {
  if (!result) return "no answer yet";
  return result.failed ? `failed, ${result.failed}` : `answered ${result.status}`;
}

function run({ id, function: name, ended, logs }) {
  const state = !ended ? "running" : ended.error ? `failed after ${milliseconds(ended.durationMs)}` : `succeeded in ${milliseconds(ended.durationMs)}`;
  return [
    facts([["function", name], ["id", h("code", {}, id)], ["state", state], ["error", ended?.error && h("span", {}, ...prose(ended.error))]]),
    logs.length > 0 && h("pre", { tabindex: "0", "aria-label": "log of the function" }, logs.join("\n")),
  ].filter(Boolean);
}

function outputs(given) {
  if (!given.length) return [h("p", { class: "empty" }, "The function has no output but its response.")];
  return given.map(({ name, kind, value }) =>
    h("div", {}, facts([[kind, name]]), excerpt(value, "value") ?? h("p", { class: "quiet small" }, "nothing was given for it")),
  );
}

function call({ method, path, status, elapsedMs, refused, effects, at }) {
  const told = status === null ? "no answer yet" : `${status} in ${milliseconds(elapsedMs)}`;
  const short = effects.some((effect) => effect.kind === "sent" && (effect.dropped > 0 || effect.delivered === 0));
  return {
    title: "Call of the service",
    level: refused ? "problem" : short ? "warning" : "",
    content: [
      facts([["call", h("code", {}, `${method} ${path}`)], ["at", clock(at)], ["answer", told], ["refused", refused && h("span", {}, ...prose(refused))]]),
      ...effects.map(effect),
    ],
  };
}

function effect(done) {
  const said = {
    sent: () => sent(done),
    joined: () => `${whom(done.member)} joined group ${done.group}, ${plural(done.connections, "live connection")}`,
    left: () => `${whom(done.member)} left ${done.group ?? "all groups"}`,
    closed: () => `closed ${plural(done.connections, "connection")} of ${whom(done.to)}`,
    streamed: () => `stream item of ${bytes(done.bytes)} for ${done.connectionId}${done.delivered ? "" : ", which is not there"}`,
    answered: () => `${done.connectionId} answered, ${bytes(done.bytes)}`,
  }[done.kind]();
  return h("div", { class: "effect" }, said);
}

function sent({ hub, target, to, bytes: size, delivered, dropped, receivers, drops }) {
  const more = delivered - receivers.length;
  return h(
    "div",
    {},
    facts([
      ["message", h("code", {}, target)],
      ["to", `${whom(to)} in hub ${hub}`],
      ["size", bytes(size)],
      ["delivered", `${plural(delivered, "connection")}`],
      ["", delivered > 0 && h("span", {}, ...receivers.map((id) => h("code", { class: "tag" }, id)), more > 0 && ` and ${count(more)} more`)],
      ["dropped", dropped > 0 && String(dropped)],
    ]),
    drops.length > 0 && h("ul", { class: "small" }, ...drops.map(({ connectionId, reason }) => h("li", {}, h("code", {}, connectionId), `: ${REASONS[reason] ?? reason}`))),
  );
}

const REASONS = { queueFull: "its queue is full, so it was closed", closing: "it was closing", notEncoded: "the message has no form in its hub protocol" };
