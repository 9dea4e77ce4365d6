// The console: sends through the service's REST interface, as an application does that has no function for it.

import { post } from "./api.js";
import { field, fill, h } from "./dom.js";

const KINDS = { all: "everyone in the hub", user: "one user", group: "one group", connection: "one connection" };

export const send = {
  title: "Send",
  mount(root) {
    const hubs = h("datalist", { id: "hubs" });
    root.append(
      h("h1", {}, "Send"),
      h("p", { class: "lead" }, "Straight to the service, past the function app. The same rules hold as for an application: whoever is not there gets nothing, and that is no error."),
      hubs,
      h("div", { class: "columns" }, messageForm(), membershipForm()),
    );
    let known;
    return {
      update({ service }) {
        const names = (service?.hubs ?? []).map(({ name }) => name);
        if (known === names.join()) return;
        known = names.join();
        fill(hubs, ...names.map((name) => h("option", { value: name })));
        for (const input of root.querySelectorAll("input[list=hubs]")) input.value ||= names[0] ?? "";
      },
    };
  },
};

const hubInput = (id) => h("input", { id, list: "hubs", required: true, class: "mono", autocomplete: "off" });

function messageForm() {
  const hub = hubInput("send-hub");
  const kind = h("select", { id: "send-kind" }, ...Object.entries(KINDS).map(([value, text]) => h("option", { value }, text)));
  const id = h("input", { id: "send-id", class: "mono", autocomplete: "off" });
  const target = h("input", { id: "send-target", required: true, value: "newMessage", class: "mono" });
  const values = h("textarea", { id: "send-arguments", class: "mono", spellcheck: false, value: '["Hello"]' });
  const idField = field("Its id", id);
  const adapt = () => {
    idField.hidden = kind.value === "all";
    id.required = kind.value !== "all";
  };
  kind.addEventListener("change", adapt);
  adapt();
  return form("A message", "Send", [field("Hub", hub), field("To", kind), idField, field("Client method", target), field("Arguments, a JSON array", values)], () => {
    const list = JSON.parse(values.value || "[]");
    if (!Array.isArray(list)) throw new Error("the arguments are a JSON array");
    const to = kind.value === "all" ? { kind: "all" } : { kind: kind.value, id: id.value };
    return post("/api/send", { hub: hub.value, to, target: target.value, arguments: list });
  });
}

function membershipForm() {
  const hub = hubInput("group-hub");
  const group = h("input", { id: "group-name", required: true, class: "mono", autocomplete: "off" });
  const action = h("select", { id: "group-action" }, h("option", { value: "join" }, "joins"), h("option", { value: "leave" }, "leaves"));
  const kind = h("select", { id: "member-kind" }, h("option", { value: "connection" }, "a connection"), h("option", { value: "user" }, "a user, with later connections"));
  const id = h("input", { id: "member-id", required: true, class: "mono", autocomplete: "off" });
  return form("A group", "Change", [field("Hub", hub), field("Who", kind), field("Its id", id), field("Does what", action), field("Group", group)], () =>
    post("/api/membership", { hub: hub.value, group: group.value, action: action.value, member: { kind: kind.value, id: id.value } }),
  );
}

function form(title, verb, fields, perform) {
  const result = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const { chain } = await perform();
      fill(result, "Done. ", chain && h("a", { href: `#/messages/${chain}` }, "See who has it"));
    } catch (error) {
      fill(result, error.message);
    }
  };
  return h("form", { class: "card fields", onsubmit: submit }, h("h2", {}, title), ...fields, h("div", { class: "row" }, h("button", { type: "submit", class: "main" }, verb)), result);
}
