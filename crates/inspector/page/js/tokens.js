// Takes a token apart. It is sent to the local stack, judged there with the service's keys, and kept nowhere.

import { post } from "./api.js";
import { facts, field, fill, h, prose } from "./dom.js";

export const tokens = {
  title: "Tokens",
  mount(root) {
    const input = h("textarea", { id: "token", spellcheck: false, autocomplete: "off", class: "mono", required: true });
    const result = h("div", { role: "status", id: "token-result" });
    const judge = async (event) => {
      event.preventDefault();
      try {
        fill(result, ...told(await post("/api/token", { token: input.value })));
      } catch (error) {
        fill(result, h("p", {}, error.message));
      }
    };
    root.append(
      h("h1", {}, "Tokens"),
      h("p", { class: "lead" }, "Paste an access token to see what it says and what is wrong with it. It stays on this machine, and nothing of it is kept."),
      h("form", { class: "card fields", onsubmit: judge }, field("Token", input), h("div", { class: "row" }, h("button", { type: "submit", class: "main" }, "Take apart"))),
      result,
    );
  },
};

function told({ accepted, findings, header, claims, times }) {
  const level = accepted ? "good" : "problem";
  const list = findings.map(({ good, text }) => h("li", {}, h("span", { class: `verdict ${good ? "good" : "problem"}` }, good ? "fine" : "wrong"), " ", ...prose(text)));
  return [
    h("div", { class: `banner ${level}` }, h("strong", {}, accepted ? "The service would accept it." : "The service would refuse it.")),
    h("section", { class: "card" }, h("h2", {}, "What is right and wrong"), h("ul", {}, ...list)),
    claims && h("section", { class: "card" }, h("h2", {}, "Claims"), facts(Object.entries(times)), h("pre", { tabindex: "0", "aria-label": "claims" }, JSON.stringify(claims, null, 2))),
    header && h("section", { class: "card" }, h("h2", {}, "Header"), h("pre", { tabindex: "0", "aria-label": "header" }, JSON.stringify(header, null, 2))),
  ].filter(Boolean);
}
