// What has happened, oldest first. Only the newest entries are kept: a page may be open for days.

export type Entry = Readonly<{ id: number; at: Date } & Happening>;

export type Happening =
  | { kind: "message"; event: "newNotification" | "newMessage"; text: string }
  | { kind: "state"; tone: "good" | "waiting" | "bad" | "plain"; text: string };

export interface Timeline {
  entries: readonly Entry[];
  /** How many older entries are no longer kept. */
  dropped: number;
}

export const EMPTY: Timeline = { entries: [], dropped: 0 };

const KEPT = 300;
let nextId = 1;

export function append({ entries, dropped }: Timeline, happenings: readonly Happening[]): Timeline {
  const at = new Date();
  const all = [...entries, ...happenings.map((happening) => ({ id: nextId++, at, ...happening }))];
  const excess = Math.max(0, all.length - KEPT);
  return { entries: all.slice(excess), dropped: dropped + excess };
}

/** An argument of a message as text; senders are free to send anything. */
export function asText(argument: unknown): string {
  return typeof argument === "string" ? argument : (JSON.stringify(argument) ?? "");
}
