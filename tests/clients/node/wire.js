// A wire between clients and a service that can be interrupted: a TCP proxy, for clients whose sockets are out of reach.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Wire {
  #server;
  #sockets = new Set();
  #interrupted = false;

  /** A wire to `address`, an URL. Its own `address` is on this machine, too. */
  static async to(address) {
    const wire = new Wire();
    const { hostname, port } = new URL(address);
    wire.#server = createServer((client) => wire.#join(client, () => connect(Number(port), hostname)));
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    wire.address = `http://127.0.0.1:${wire.#server.address().port}`;
    return wire;
  }

  /** Cuts every connection, and every new one until the wire is restored. */
  interrupt() {
    this.#interrupted = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  restore() {
    this.#interrupted = false;
  }

  close() {
    this.interrupt();
    this.#server.close();
  }

  #join(client, connectToService) {
    if (this.#interrupted) return client.resetAndDestroy();
    const service = connectToService();
    for (const [from, to] of [[client, service], [service, client]]) {
      this.#sockets.add(from);
      from.on("error", () => {}); // It closes then.
      from.once("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
