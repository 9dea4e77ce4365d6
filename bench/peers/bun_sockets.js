// `bun`: env PORT, WebSocket /client, POST /broadcast sends its body to every client.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  async fetch(request) {
    if (request.method === "POST") {
      server.publish("everybody", await request.text());
      return new Response(null, { status: 202 });
    }
    return server.upgrade(request) ? undefined : new Response("there are only /client and /broadcast", { status: 400 });
  },
  websocket: {
    open(client) {
      client.subscribe("everybody");
    },
    message() {},
  },
});
