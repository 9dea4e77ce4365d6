// Access tokens, minted here and not by the code under test (signalr-bindings 7.2, signalr-service 2.2 and 1.7).

import { createHmac } from "node:crypto";

/** The official emulator's public key, which protects nothing. */
const PUBLIC_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

/** A token that the emulator accepts for the hub `notifications`, except for what is asked to be different. */
export function clientToken({ audience = "http://localhost/client/?hub=notifications", ...differences } = {}) {
  return token({ audience, ...differences });
}

/** A token for calls to the data plane at `path`, which is escaped and has no query. */
export function restToken(path) {
  return token({ audience: `http://localhost${path}` });
}

function token({ key = PUBLIC_KEY, audience, lifetime = 3600, algorithm = "HS256", user }) {
  const expires = Math.floor(Date.now() / 1000) + lifetime;
  const header = encode({ alg: algorithm, typ: "JWT" });
  const payload = encode({ "asrs.s.uid": user, nbf: expires - 3600, exp: expires, iat: expires - 3600, aud: audience });
  const signature = createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url");
  return `${header}.${payload}.${algorithm === "none" ? "" : signature}`;
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
