// Every method of the test hub, called in every way; what callers are told is ASP.NET's wording (signalr-protocol 4.8).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Subject } from "@microsoft/signalr";

import { request } from "../http.js";
import { builder, called, collect, connect, soon, ways } from "./connections.js";
import { TestHub } from "./server.js";

let hub;
before(async () => (hub = await TestHub.start()));
after(() => hub?.stop());

const GREETING = "你好，世界！";

for (const way of ways) {
  describe(way.name, () => {
    const start = (t, prepare) => connect(t, builder(`${hub.address}/testhub`, way), prepare);

    test("a method answers, whatever the case of its name", async (t) => {
      const connection = await start(t);
      for (const name of ["Echo", "echo", "ECHO"]) assert.equal(await connection.invoke(name, GREETING), GREETING);
      assert.equal(await connection.invoke("VoidMethod"), null);
      assert.equal(await connection.invoke("GetCallerConnectionId"), connection.connectionId);
      assert.equal(await connection.invoke("GetActiveTransportName"), way.transport);
      await connection.stop();
      assert.equal(await connection.closed, undefined);
    });

    test("a method is called without an answer, and calls of one connection keep their order", async (t) => {
      const connection = await start(t);
      const received = [];
      // Names of methods of the client ignore case, too: the hub calls `Message`.
      connection.on("mESsage", (message) => received.push(message));
      const sent = Array.from({ length: 50 }, (_, number) => `${number}`);
      await Promise.all(sent.map((message) => connection.send("InvokeWithString", message)));
      await connection.invoke("Echo", "");
      assert.deepEqual(received, sent);
    });

    test("a method calls the client with an object", async (t) => {
      const connection = await start(t);
      const object = called(connection, "CustomObject");
      await connection.send("SendCustomObject", { Name: "test", Value: 42 });
      assert.deepEqual(await object, [{ Name: "test", Value: 42 }]);
    });

    test("bytes and times survive in both directions", async (t) => {
      const connection = await start(t);
      const isJson = way.protocol === "JSON";
      const complex = (bytes, time) => ({
        ByteArray: isJson ? Buffer.from(bytes).toString("base64") : new Uint8Array(bytes),
        DateTime: isJson ? time : new Date(time),
        Guid: "00010203-0405-0607-0706-050403020100",
        IntArray: [1, 2, 3],
        String: "hello world",
      });
      const mine = complex([104, 101, 108, 108, 111], "2002-04-01T10:20:15Z");
      assert.deepEqual(plain(await connection.invoke("EchoComplexObject", mine)), mine);
      const theirs = complex([1, 2, 3], "2000-01-01T00:00:00Z");
      assert.deepEqual(plain(await connection.invoke("SendComplexObject")), theirs);
    });

    test("errors have the words of ASP.NET", async (t) => {
      const connection = await start(t);
      const failing = (method) => `An unexpected error occurred invoking '${method}' on the server.`;
      const binding = "Failed to invoke 'Echo' due to an error on the server. InvalidDataException:";
      const cases = [
        [["Nothing"], "Unknown hub method 'Nothing'"],
        [["ThrowException", "An error occurred."], `${failing("ThrowException")} InvalidOperationException: An error occurred.`],
        [["throwexception", "x"], `${failing("throwexception")} InvalidOperationException: x`],
        [["ThrowHubException", "no"], `${failing("ThrowHubException")} HubException: no`],
        [["Panic"], failing("Panic")],
        [["EmptyStream"], "The client attempted to invoke the streaming 'EmptyStream' method with a non-streaming invocation."],
        [["Stream"], "The client attempted to invoke the streaming 'Stream' method with a non-streaming invocation."],
        [["Echo"], `${binding} Invocation provides 0 argument(s) but target expects 1.`],
        [["Echo", "a", "b"], `${binding} Invocation provides 2 argument(s) but target expects 1.`],
        [
          ["Echo", { a: 1 }],
          `${binding} Error binding arguments. Make sure that the types of the provided values match the types of the hub method being invoked.`,
        ],
        [["Echo", new Subject()], `${failing("Echo")} HubException: Client sent 1 stream(s), Hub method expects 0.`],
        [["StreamingConcat"], `${failing("StreamingConcat")} HubException: Client sent 0 stream(s), Hub method expects 1.`],
      ];
      for (const [call, message] of cases) await assert.rejects(connection.invoke(...call), { message });
      assert.equal(await connection.invoke("Echo", "still here"), "still here");
    });

    test("a stream gives its items and ends", async (t) => {
      const connection = await start(t);
      assert.deepEqual(await collect(connection.stream("Stream")), { items: ["a", "b", "c"] });
      assert.deepEqual(await collect(connection.stream("EmptyStream")), { items: [] });
    });

    test("errors of streams have the words of ASP.NET", async (t) => {
      const connection = await start(t);
      const failing = "An unexpected error occurred invoking 'StreamThrowException' on the server.";
      const cases = [
        [["StreamThrowException", "oh"], [], `${failing} InvalidOperationException: oh`],
        [["StreamThenThrow", "oh"], [1, 2], "An error occurred on the server while streaming results. InvalidOperationException: oh"],
        [["Echo", "42"], [], "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."],
        [["Nothing"], [], "Unknown hub method 'Nothing'"],
      ];
      for (const [call, items, error] of cases) {
        assert.deepEqual(await collect(connection.stream(...call)), { items, error }, call[0]);
      }
    });

    test("a stream is dropped when its client cancels it, and holds up nothing while it runs", async (t) => {
      const connection = await start(t);
      const canceled = called(connection, "StreamCanceled");
      const ignore = { next() {}, complete() {}, error(error) { assert.fail(error); } };
      const subscription = connection.stream("InfiniteStream").subscribe(ignore);
      assert.equal(await soon(connection.invoke("Echo", "meanwhile"), "the stream holds up a method"), "meanwhile");
      assert.deepEqual(await collect(connection.stream("Stream")), { items: ["a", "b", "c"] });
      subscription.dispose();
      await canceled;
    });

    test("a stream may be longer than the queue of a connection", async (t) => {
      const connection = await start(t);
      const text = "x".repeat(8 * 1024);
      const { items, error } = await collect(connection.stream("Repeat", text, 300));
      assert.equal(error, undefined);
      assert.deepEqual([items.length, items.every((item) => item === text)], [300, true]);
    });

    // The event source of Node.js is slow with very many events: it takes 50 us of CPU time for each.
    const count = way.transport === "ServerSentEvents" ? 20_000 : 100_000;
    test(`a stream may have ${count} items`, async (t) => {
      const connection = await start(t);
      const { items, error } = await collect(connection.stream("Count", count));
      assert.equal(error, undefined);
      assert.equal(items.length, count);
      assert.ok(items.every((item, index) => item === index), "the items are in order");
    });

    test("a client uploads a stream", async (t) => {
      const connection = await start(t);
      const words = new Subject();
      const result = connection.invoke("StreamingConcat", words);
      for (const word of ["Hello ", "world", "!"]) words.next(word);
      assert.equal(await soon(connection.invoke("Echo", "meanwhile"), "the upload holds up a method"), "meanwhile");
      words.complete();
      assert.equal(await result, "Hello world!");
      assert.equal(await uploaded(connection, "UploadStream", ["a", "b"]), null);
      // Other transports take a request for each item.
      const many = Array.from({ length: way.transport === "WebSockets" ? 1000 : 200 }, () => "ab");
      assert.equal(await uploaded(connection, "StreamingConcat", many), many.join(""));
    });

    test("an upload that fails, or is of another type, fails its method", async (t) => {
      const connection = await start(t);
      const failing = "An unexpected error occurred invoking 'StreamingConcat' on the server.";
      const words = new Subject();
      const result = connection.invoke("StreamingConcat", words);
      words.next("Hello");
      words.error(new Error("Something bad"));
      await assert.rejects(result, { message: `${failing} HubException: Something bad` });
      await assert.rejects(uploaded(connection, "StreamingConcat", [{}]), ({ message }) => message.startsWith(failing));
    });

    test("a method streams in both directions", async (t) => {
      const connection = await start(t);
      const words = new Subject();
      const items = collect(connection.stream("StreamBack", words));
      for (const word of ["a", "b"]) words.next(word);
      words.complete();
      assert.deepEqual(await items, { items: ["A", "B"] });
    });

    test("a client answers the server", async (t) => {
      const connection = await start(t, (connection) => connection.on("Result", () => 10));
      const result = () => request("GET", `${hub.address}/clientresult/${connection.connectionId}`);
      assert.equal((await result()).body, "10");
      assert.equal(await soon(connection.invoke("AskCaller"), "the method waits for its own client"), 10);

      connection.off("Result");
      assert.equal((await result()).body, "Client didn't provide a result.");
      connection.on("Result", () => {
        throw new Error("from callback");
      });
      assert.equal((await result()).body, "Error: from callback");
      connection.off("Result");
      connection.on("Result", () => "ten");
      assert.match((await result()).body, /invalid type: string/);
    });

    test("a method closes its connection", async (t) => {
      const connection = await start(t);
      await connection.send("DisconnectMe");
      assert.equal(await soon(connection.closed, "the connection stays"), undefined);
    });

    test("a connection is started again, with its handlers", async (t) => {
      const connection = await start(t);
      let count = 0;
      connection.on("message", () => (count += 1));
      await connection.invoke("InvokeWithString", GREETING);
      await connection.stop();
      await connection.start();
      await connection.invoke("InvokeWithString", GREETING);
      assert.equal(count, 2);
    });

    test("a hub that cannot be made closes its connections with an error", async (t) => {
      const message =
        "Server returned an error on close: Connection closed with an error. InvalidOperationException: Unable to " +
        "resolve service for type 'System.Object' while attempting to activate 'FunctionalTests.UncreatableHub'.";
      const connection = builder(`${hub.address}/uncreatable`, way).build();
      t.after(() => connection.stop());
      const closed = new Promise((resolve) => connection.onclose(resolve));
      // The Close message may come while the client is still starting.
      const error = await soon(
        connection.start().then(() => closed, (error) => error),
        "the connection stays",
      );
      // The first POST may come behind the end of the event stream.
      const isLate = way.transport === "ServerSentEvents" && error.message.startsWith("No Connection with that ID");
      assert.equal(isLate ? message : error.message, message);
    });

    test("without detailed errors callers learn nothing of the server's affairs", async (t) => {
      const connection = await connect(t, builder(`${hub.address}/chatHub`, way));
      const told = called(connection, "ThrowExceptionCall");
      const message = "An unexpected error occurred invoking 'ThrowException' on the server.";
      await assert.rejects(connection.invoke("ThrowException", "x"), { message });
      assert.deepEqual(await told, ["x"]);
      const binding = "Failed to invoke 'SendMessage' due to an error on the server.";
      await assert.rejects(connection.invoke("SendMessage", "too few"), { message: binding });
      assert.deepEqual(await collect(connection.stream("Counter", 3, 1)), { items: [0, 1, 2] });
    });
  });
}

/** The result of a method that takes one stream, of these items. */
function uploaded(connection, method, items) {
  const subject = new Subject();
  const result = connection.invoke(method, subject);
  for (const item of items) subject.next(item);
  subject.complete();
  return soon(result, `${method} does not end`);
}

/** MessagePack gives bytes as a Buffer, which is a Uint8Array, too, but not equal to one. */
function plain(object) {
  return typeof object.ByteArray === "string" ? object : { ...object, ByteArray: new Uint8Array(object.ByteArray) };
}
