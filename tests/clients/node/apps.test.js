// Custom handlers that are not ours, in Node and Python, run as they are by the local stack. The one in Rust is tested by cargo.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clients, connect, postFlow } from "./clients.js";
import { postJson, request } from "./http.js";
import { Stack } from "./stack.js";

for (const language of ["node", "python"]) {
  test(`a handler in ${language} runs unchanged`, async (t) => {
    const stack = await Stack.startApp(`crates/functions-host/fixtures/apps/${language}`);
    t.after(() => stack.stop());

    const hello = await request("GET", `${stack.host}/api/hello?name=Ada`);
    assert.deepEqual([hello.status, hello.headers["x-handler"], hello.body], [203, language, "Hello, Ada!"]);

    const { inbox } = await connect(t, await postFlow.builder(clients[0], stack), "ordered", "tick");
    const order = await postJson(`${stack.host}/api/order`, { item: "tea" });
    assert.deepEqual([order.status, order.body], [201, '{"item":"tea"}']);

    // The timer fires every second by itself.
    const messages = await inbox.atLeast(3);
    const received = (wanted) => messages.filter(([target]) => target === wanted);
    assert.deepEqual(received("ordered"), [["ordered", "tea"]]);
    assert.deepEqual(received("tick")[0], ["tick", false]);
  });
}
