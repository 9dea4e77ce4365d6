// Cuts connections as a failing network does: without a word of goodbye in any protocol. The sockets of this process
// are found by what Node reports of them, because no client shows its own on every transport.

import { subscribe } from "node:diagnostics_channel";

const open = new Set();
const unreachable = new Set();

subscribe("net.client.socket", ({ socket }) => {
  open.add(socket);
  socket.once("close", () => open.delete(socket));
  socket.once("connect", () => unreachable.has(socket.remotePort) && socket.resetAndDestroy());
});

/** Resets every connection of this process to `address`, and returns how many there were. */
export function cut(address) {
  const sockets = [...open].filter((socket) => socket.remotePort === portOf(address));
  for (const socket of sockets) socket.resetAndDestroy();
  return sockets.length;
}

/**
 * Cuts every connection to `address`, and every new one until the returned function is called. Between two polls a
 * client has no connection that could be cut.
 */
export function outage(address) {
  unreachable.add(portOf(address));
  cut(address);
  return () => unreachable.delete(portOf(address));
}

function portOf(address) {
  return Number(new URL(address).port);
}
