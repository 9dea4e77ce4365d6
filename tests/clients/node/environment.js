// What `cargo xtask verify --only clients` tells the tests: where the programs are that it has built or found.

import assert from "node:assert/strict";

/** The variable `name`. */
export function environment(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; \`cargo xtask verify --only clients\` sets it`);
  return value;
}
