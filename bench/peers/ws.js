// `ws`: env PORT, WebSocket /client, POST /broadcast sends its body to every client.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocketServer } from "ws";

const server = createServer(async (request, response) => {
  const message = await text(request);
  for (const client of sockets.clients) {
    client.send(message);
  }
  response.writeHead(202).end();
});
const sockets = new WebSocketServer({ server, path: "/client" });

server.listen(process.env.PORT, "127.0.0.1");
