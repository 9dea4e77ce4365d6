// A small SignalR client: JSON over WebSockets, after a negotiation. It exists so that a message can be seen with no other tool; an
// application uses Microsoft's client, which does far more.

const END = "\u001e";
const PING = 6;
/** A server takes a client for gone that is silent for 30 s. */
const PING_PERIOD = 15_000;
const HANDSHAKE_DEADLINE = 15_000;

export class Connection extends EventTarget {
  #socket = null;
  #pings = null;
  #calls = new Map();
  #next = 1;
  #reason = null;
  /** The public id of the connection. */
  id = null;

  /**
   * Connects with what a negotiate function answers. Events: `message` with `detail` `{target, arguments}`, and `closed` with `detail` the
   * reason.
   */
  async start({ url, accessToken }) {
    const negotiation = new URL(url);
    negotiation.pathname = `${negotiation.pathname.replace(/\/$/, "")}/negotiate`;
    negotiation.searchParams.set("negotiateVersion", "1");
    const answer = await fetch(negotiation, { method: "POST", headers: { authorization: `Bearer ${accessToken}` } });
    if (!answer.ok) throw new Error(`the service refused with ${answer.status}: ${answer.headers.get("www-authenticate") ?? (await answer.text())}`);
    const { connectionId, connectionToken } = await answer.json();
    this.id = connectionId;
    const address = new URL(url);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("id", connectionToken);
    address.searchParams.set("access_token", accessToken);
    await this.#open(address);
  }

  #open(address) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(address);
      this.#socket = socket;
      let shaken = false;
      const deadline = setTimeout(() => socket.close(), HANDSHAKE_DEADLINE);
      socket.onopen = () => socket.send(JSON.stringify({ protocol: "json", version: 1 }) + END);
      socket.onmessage = ({ data }) => {
        for (const record of data.split(END).filter(Boolean)) {
          const message = JSON.parse(record);
          if (shaken) this.#take(message);
          else if (message.error) reject(new Error(message.error));
          else {
            shaken = true;
            clearTimeout(deadline);
            this.#pings = setInterval(() => this.#write({ type: PING }), PING_PERIOD);
            resolve();
          }
        }
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(deadline);
        reject(new Error("the connection ended before the handshake"));
        this.#ended(this.#reason ?? (reason || `the transport ended (${code})`));
      };
    });
  }

  #take(message) {
    const take = {
      1: () => this.dispatchEvent(new CustomEvent("message", { detail: { target: message.target, arguments: message.arguments } })),
      3: () => {
        const call = this.#calls.get(message.invocationId);
        this.#calls.delete(message.invocationId);
        if (message.error) call?.reject(new Error(message.error));
        else call?.resolve(message.result ?? null);
      },
      7: () => {
        this.#reason = message.error ?? "the service closed the connection";
        this.#socket.close();
      },
    };
    take[message.type]?.();
  }

  /** Calls a method of the hub and does not wait for an answer. */
  send(target, values) {
    this.#write({ type: 1, target, arguments: values });
  }

  /** Calls a method of the hub and waits for its result. */
  invoke(target, values) {
    const invocationId = String(this.#next++);
    return new Promise((resolve, reject) => {
      this.#calls.set(invocationId, { resolve, reject });
      this.#write({ type: 1, invocationId, target, arguments: values });
    });
  }

  stop() {
    this.#reason = "stopped";
    this.#socket?.close(1000);
  }

  #write(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message) + END);
  }

  #ended(reason) {
    clearInterval(this.#pings);
    for (const { reject } of this.#calls.values()) reject(new Error(reason));
    this.#calls.clear();
    this.dispatchEvent(new CustomEvent("closed", { detail: reason }));
  }
}
