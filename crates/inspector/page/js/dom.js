// Builds elements. Text only ever becomes text: nothing in the page parses HTML, and its policy forbids it.

/** How many characters of JSON are shown in one line. */
const ONE_LINE = 90;

/** An element with attributes, listeners (`onclick`) and children; what is null or false is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // The text of a textarea is no attribute.
    else if (name in element && (typeof value !== "string" || name === "value")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...present(children));
  return element;
}

/** Puts these children in place of all others. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** Changes a text only when it differs, so that nothing is laid out anew for nothing. */
export function write(element, text) {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
  return element;
}

/**
 * Keeps the children of `parent` in step with `items`. `make(item)` builds a child; a child with a method `refresh(item)` stays when its
 * item changes, so that neither focus nor selection is lost.
 */
export function keep(parent, items, keyOf, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = known.get(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    known.delete(key);
    child.refresh?.(item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}

/** A labelled control. */
export function field(label, control) {
  return h("label", {}, h("span", {}, label), control);
}

/** Facts as pairs of name and value; those without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return h("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** A table that becomes cards on a phone. `columns` are `[label, class]`. */
export function table(caption, columns) {
  const body = h("tbody");
  const heads = columns.map(([label, kind]) => h("th", { scope: "col", class: kind }, label));
  const whole = h(
    "table",
    { class: "cards" },
    h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, ...heads)),
    body,
  );
  return { element: h("div", { class: "scroll" }, whole), body };
}

/** A cell of such a table. */
export function cell(label, kind, ...children) {
  return h("td", { class: kind, "data-label": label }, ...children);
}

/** An excerpt of a body: its text, made readable where it is JSON, and how much there is of it. */
export function excerpt(text, label) {
  if (!text || text.bytes === 0) return null;
  const note = text.cut ? `the first part of ${text.bytes.toLocaleString("en")} bytes` : `${text.bytes.toLocaleString("en")} bytes`;
  return h("div", {}, h("span", { class: "quiet small" }, `${label}, ${note}`), h("pre", { tabindex: "0", "aria-label": label }, readable(text.text)));
}

/** A sentence in which names stand between backticks. */
export function prose(text) {
  return String(text ?? "").split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/** JSON with line breaks, unless it fits into one line; anything else as it is. */
export function readable(text) {
  try {
    const lines = JSON.stringify(JSON.parse(text), null, 2);
    // Within texts line breaks are escaped, so these are all between members.
    const line = lines.replace(/\n */g, " ");
    return line.length <= ONE_LINE ? line : lines;
  } catch {
    return text;
  }
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}
