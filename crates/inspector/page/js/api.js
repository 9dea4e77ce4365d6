// The server of the inspector: its JSON, and the stream of states. Everything the page shows comes from here.

/** Asks for JSON; an answer that is no success becomes an error with the server's words. */
export async function get(path) {
  return answer(await fetch(path, { headers: { accept: "application/json" } }));
}

/** Has something done. */
export async function post(path, value = {}) {
  const headers = { "content-type": "application/json" };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(value) }));
}

async function answer(response) {
  const value = await response.json().catch(() => ({ error: `the inspector answered ${response.status}` }));
  if (!response.ok) throw new Error(value.error ?? `the inspector answered ${response.status}`);
  return value;
}

/**
 * Calls `onState` with every state and `onChange` with whether the inspector can be reached. A page that nobody looks at costs
 * nothing: the stream is closed until it is shown again.
 */
export function follow(onState, onChange) {
  let source = null;
  const open = () => {
    source = new EventSource("/api/states");
    source.onopen = () => onChange("on");
    source.onerror = () => onChange("off");
    source.onmessage = (event) => onState(JSON.parse(event.data));
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : source || open()));
  // A stream that is open when the page goes makes it reload slowly.
  addEventListener("pagehide", close);
  open();
}

/** Loads one list again and again without ever asking twice at the same time, nor more often than every `period` ms. */
export class Reloading {
  static #paused = false;
  /** What waits for the end of the pause. */
  static #held = new Set();

  #load;
  #period;
  #wanted = false;
  #asked = false;
  #busy = false;
  #stopped = false;
  #last = 0;

  constructor(load, period = 600) {
    this.#load = load;
    this.#period = period;
  }

  /** While the page is paused nothing is loaded that nobody has asked for, not even what was about to be. */
  static pause() {
    this.#paused = true;
  }

  static goOn() {
    this.#paused = false;
    const held = [...this.#held];
    this.#held.clear();
    for (const one of held) one.soon();
  }

  /** Loads soon. */
  async soon() {
    this.#wanted = true;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#wanted && !this.#stopped) {
      const wait = this.#last + this.#period - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      if (this.#stopped) break;
      if (Reloading.#paused && !this.#asked) {
        Reloading.#held.add(this);
        break;
      }
      this.#wanted = this.#asked = false;
      this.#last = performance.now();
      // What cannot be loaded now is loaded with the next change; the header says that the inspector is away.
      await this.#load().catch(() => {});
    }
    this.#busy = false;
  }

  /** Loads at once, whenever it was loaded last, because somebody asks for it. */
  now() {
    this.#last = 0;
    this.#asked = true;
    return this.soon();
  }

  /** What a view is that shows this list: it loads at once, and again when the state says that `revision` has changed. */
  following(revision) {
    let loaded;
    this.now();
    return {
      update: ({ revisions }) => {
        if (loaded !== revisions[revision]) this.soon();
        loaded = revisions[revision];
      },
      leave: () => this.stop(),
    };
  }

  stop() {
    this.#stopped = true;
    Reloading.#held.delete(this);
  }
}
