// Timers: when they run next, how the last run went, and a button that runs one now.

import { post } from "./api.js";
import { cell, h, keep, table, write } from "./dom.js";
import { clock, day, span } from "./format.js";

const COLUMNS = [["Function"], ["Schedule"], ["Next run"], ["Last run"], ["Actions"]];

export const timers = {
  title: "Timers",
  mount(root) {
    const { element, body } = table("Timers", COLUMNS);
    const empty = h("p", { class: "empty" }, "The app has no timer.");
    const note = h("p", { role: "status" });
    const run = (name) =>
      post(`/api/timers/${encodeURIComponent(name)}/run`)
        .then(() => write(note, `${name} was started.`))
        .catch((error) => write(note, error.message));
    root.append(h("h1", {}, "Timers"), h("section", { class: "card" }, element, empty, note));
    return {
      update(state) {
        empty.hidden = state.timers.length > 0;
        element.hidden = state.timers.length === 0;
        const timers = state.timers.map((timer) => ({ ...timer, now: state.now }));
        keep(body, timers, ({ function: name }) => name, (timer) => row(timer, run));
      },
    };
  },
};

function row({ function: name }, run) {
  const [schedule, next, last] = ["Schedule", "Next run", "Last run"].map((label) => cell(label));
  const button = h("button", { type: "button", class: "small", "aria-label": `Run now: ${name}`, onclick: () => run(name) }, "Run now");
  const element = h("tr", {}, cell("Function", "", h("strong", {}, name)), schedule, next, last, cell("Actions", "nowrap", button));
  element.refresh = (timer) => {
    write(schedule, timer.schedule);
    write(next, timer.running ? "runs now" : timer.next ? `in ${span(timer.now, timer.next)}, ${day(timer.next)}` : "");
    write(last, timer.last ? `${clock(timer.last.at)}, ${timer.last.error ?? "succeeded"}` : "not yet");
  };
  return element;
}
