// Cuts connections as a failing network does: without a word of goodbye in any protocol. The sockets of this process
// are found by what Node reports of them, because no client shows its own on every transport.

import { subscribe } from "node:diagnostics_channel";

const open = new Set();
subscribe("net.client.socket", ({ socket }) => {
  open.add(socket);
  socket.once("close", () => open.delete(socket));
});

/** Resets every connection of this process to `address`, and returns how many there were. */
export function cut(address) {
  const port = Number(new URL(address).port);
  const sockets = [...open].filter((socket) => socket.remotePort === port);
  for (const socket of sockets) socket.resetAndDestroy();
  return sockets.length;
}
