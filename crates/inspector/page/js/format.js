// Numbers, times and recipients as people read them.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (number) => Number(number ?? 0).toLocaleString("en");

/** `12:30:01.250` in the zone of the browser. */
export const clock = (time) => CLOCK.format(new Date(time));

export const day = (time) => DAY.format(new Date(time));

export function milliseconds(value) {
  if (value === null || value === undefined) return "";
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;
}

/** How long from one time to another: `3 min 20 s`. */
export function span(from, to) {
  const seconds = Math.round(Math.abs(new Date(to) - new Date(from)) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

export function bytes(number) {
  return number < 10_000 ? `${count(number)} B` : `${count(Math.round(number / 1024))} KiB`;
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Who a message was for, or who is a member: `"everyone"` or `{"user": "alice"}`. */
export function whom(to) {
  if (typeof to === "string") return to;
  const [[kind, id]] = Object.entries(to);
  return `${kind} ${id}`;
}

/** The word for a verdict, which stands beside its colour. */
export const VERDICTS = { good: "fine", warning: "check", problem: "failed", running: "running" };
