// "Try it": connects through the app's own negotiate function, calls functions, and shows what arrives.
//
// The connection outlives the view, so that one can send here and look at the message elsewhere.

import { post } from "./api.js";
import { field, fill, h, write } from "./dom.js";
import { clock } from "./format.js";
import { Connection } from "./signalr.js";

const KEPT = 100;

/** What lasts from one visit of the view to the next. */
const kept = { connection: null, status: "not connected", received: [], negotiate: null, target: null, body: '{"message":"Hello"}' };

export const tryIt = {
  title: "Try it",
  mount(root) {
    const status = h("p", { role: "status", id: "try-status" });
    const inbox = h("ol", { class: "inbox", id: "try-inbox", tabindex: "0", "aria-label": "received messages" });
    const connect = h("button", { type: "button", class: "main", id: "try-connect", onclick: toggle });
    const negotiate = h("input", { id: "try-negotiate", list: "functions", value: kept.negotiate ?? "/api/negotiate", class: "mono" });
    const header = h("input", { id: "try-header", placeholder: "name: value", class: "mono", autocomplete: "off" });
    const functions = h("datalist", { id: "functions" });

    function show() {
      const on = kept.connection !== null;
      write(connect, on ? "Disconnect" : "Connect");
      write(status, kept.status);
      fill(inbox, ...kept.received.map(({ at, target, values }) => h("li", {}, h("span", { class: "quiet" }, clock(at)), h("span", {}, h("strong", {}, target), " ", values.map((value) => JSON.stringify(value)).join(", ")))));
      if (!kept.received.length) fill(inbox, h("li", {}, h("span", {}), h("span", { class: "quiet" }, "Nothing has arrived yet.")));
    }

    async function toggle() {
      if (kept.connection) return kept.connection.stop();
      const connection = new Connection();
      connection.addEventListener("message", ({ detail }) => {
        kept.received.unshift({ at: Date.now(), target: detail.target, values: detail.arguments ?? [] });
        kept.received.length = Math.min(kept.received.length, KEPT);
        kept.show?.();
      });
      connection.addEventListener("closed", ({ detail }) => {
        [kept.connection, kept.status] = [null, `not connected: ${detail}`];
        kept.show?.();
      });
      [kept.connection, kept.status] = [connection, "connecting"];
      show();
      try {
        const info = await post("/api/negotiate", { target: negotiate.value, headers: headersOf(header.value) });
        await connection.start(info);
        kept.status = `connected as ${connection.id}`;
      } catch (error) {
        [kept.connection, kept.status] = [null, `not connected: ${error.message}`];
      }
      kept.show?.();
    }

    const caller = callForm();
    const hub = hubForm();
    root.append(
      h("h1", {}, "Try it"),
      h("p", { class: "lead" }, "A client in this page. It negotiates through a function of the app and connects to the service, as any web page does."),
      functions,
      h(
        "div",
        { class: "columns" },
        h("section", { class: "card fields" }, h("h2", {}, "1. Connect"), field("Negotiate function", negotiate), field("Extra request header", header), h("div", { class: "row" }, connect), status),
        caller.element,
        hub,
      ),
      h("section", { class: "card" }, h("h2", {}, "Received"), inbox),
    );
    kept.show = show;
    show();
    let known;
    return {
      update({ host }) {
        const names = JSON.stringify(host?.functions);
        if (!host || names === known) return;
        known = names;
        const targets = host.functions.filter(({ url, disabled }) => url && !disabled).map(({ url }) => new URL(url).pathname);
        fill(functions, ...targets.map((target) => h("option", { value: target })));
        kept.negotiate ??= targets.find((target) => /negotiate/i.test(target)) ?? targets[0];
        kept.target ??= targets.find((target) => /broadcast|send/i.test(target)) ?? targets.find((target) => target !== kept.negotiate);
        negotiate.value = kept.negotiate ?? "";
        caller.suggest(kept.target ?? "");
      },
      leave() {
        kept.negotiate = negotiate.value;
        kept.show = null;
      },
    };
  },
};

/** The second step: an HTTP call of a function. */
function callForm() {
  const method = h("select", { id: "call-method" }, ...["POST", "GET", "PUT", "DELETE"].map((name) => h("option", {}, name)));
  const target = h("input", { id: "call-target", list: "functions", value: kept.target ?? "/api/broadcast", class: "mono" });
  const body = h("textarea", { id: "call-body", class: "mono", spellcheck: false, value: kept.body });
  const result = h("div", { role: "status", id: "call-result" });
  const call = async (event) => {
    event.preventDefault();
    kept.body = body.value;
    kept.target = target.value;
    const bodyless = method.value === "GET";
    const headers = bodyless ? {} : { "content-type": "application/json" };
    try {
      const answer = await post("/api/call", { method: method.value, target: target.value, headers, body: bodyless ? null : body.value });
      fill(result, h("p", {}, `Answered ${answer.status}. `, answer.chain && h("a", { href: `#/messages/${answer.chain}` }, "See what it caused")), answer.body && h("pre", { tabindex: "0", "aria-label": "answer" }, answer.body));
    } catch (error) {
      fill(result, h("p", {}, error.message));
    }
  };
  const form = h(
    "form",
    { class: "card fields", onsubmit: call },
    h("h2", {}, "2. Call a function"),
    field("Method", method),
    field("Path and query", target),
    field("Body", body),
    h("div", { class: "row" }, h("button", { type: "submit", class: "main", id: "call-send" }, "Call")),
    result,
  );
  return { element: form, suggest: (path) => (target.value = path) };
}

/** Another second step: a message from the client to the hub, for functions with a signalRTrigger. */
function hubForm() {
  const target = h("input", { id: "hub-target", class: "mono", required: true, placeholder: "for example joinGroup" });
  const values = h("textarea", { id: "hub-arguments", class: "mono", spellcheck: false, value: "[]" });
  const wait = h("input", { type: "checkbox", id: "hub-wait", checked: true });
  const result = h("p", { role: "status", id: "hub-result" });
  const call = async (event) => {
    event.preventDefault();
    try {
      if (!kept.connection) throw new Error("connect first");
      const list = JSON.parse(values.value);
      if (!Array.isArray(list)) throw new Error("the arguments are a JSON array");
      if (!wait.checked) kept.connection.send(target.value, list);
      else write(result, "waiting for the result");
      write(result, wait.checked ? `Result: ${JSON.stringify(await kept.connection.invoke(target.value, list))}` : "Sent.");
    } catch (error) {
      write(result, error.message);
    }
  };
  return h(
    "form",
    { class: "card fields", onsubmit: call },
    h("h2", {}, "Or call the hub as this client"),
    h("p", { class: "small quiet" }, "It reaches a function with a signalRTrigger. Where none listens an invoke waits for ever, as in Azure."),
    field("Method", target),
    field("Arguments, a JSON array", values),
    h("label", { class: "checkbox", for: "hub-wait" }, wait, "Wait for the result"),
    h("div", { class: "row" }, h("button", { type: "submit" }, "Send")),
    result,
  );
}

function headersOf(line) {
  const [name, ...value] = line.split(":");
  return name.trim() && value.length ? { [name.trim()]: value.join(":").trim() } : {};
}
