// What somebody should look at: warnings with their cure, requests that the service refused, calls that nobody hears.

import { Reloading, get } from "./api.js";
import { fill, h, prose } from "./dom.js";
import { day, plural } from "./format.js";

export const problems = {
  title: "Problems",
  mount(root) {
    const place = h("div");
    const load = new Reloading(async () => fill(place, ...told(await get("/api/problems"))));
    root.append(h("h1", {}, "Problems"), place);
    return load.following("problems");
  },
};

function told({ warnings, refusals, unheard }) {
  const parts = [
    section("Warnings", "What works here and would surprise in Azure, or the other way round.", warnings.map(warning)),
    section("Refused requests", "The newest first, with what their tokens say. Nobody has vouched for those claims.", refusals.map(refusal)),
    section("Calls that nobody hears", "Told once for each hub and method.", unheard.map(nobody)),
  ].filter(Boolean);
  return parts.length ? parts : [h("p", { class: "card empty" }, "There are none.")];
}

function section(title, lead, items) {
  return items.length > 0 && h("section", {}, h("h2", {}, title), h("p", { class: "lead small" }, lead), ...items);
}

function warning({ code, title, about, text, cure, meaning, count, at }) {
  return h(
    "article",
    { class: "card" },
    h("p", {}, h("span", { class: "verdict warning" }, code), " ", h("strong", {}, ...prose(title)), about && ` in ${about}`),
    h("p", {}, ...prose(text)),
    cure && h("p", {}, h("strong", {}, "Cure: "), ...prose(cure)),
    meaning && h("details", {}, h("summary", {}, "What it means"), h("p", { class: "small" }, ...prose(meaning))),
    h("p", { class: "quiet small" }, `told ${plural(count, "time")}, last ${day(at)}`),
  );
}

function refusal({ at, surface, status, reason, claims }) {
  return h(
    "article",
    { class: "card" },
    h("p", {}, h("span", { class: "verdict problem" }, String(status)), " ", h("strong", {}, `${surface} request`), ` at ${day(at)}`),
    h("p", {}, ...prose(reason)),
    claims && h("details", {}, h("summary", {}, "Claims of its token"), h("pre", { tabindex: "0", "aria-label": "claims" }, JSON.stringify(claims, null, 2))),
  );
}

function nobody({ at, hub, target, cure }) {
  return h("article", { class: "card" }, h("p", {}, h("strong", {}, target), ` of hub ${hub}, ${day(at)}`), h("p", {}, ...prose(cure)));
}
