// `socket.io`: env PORT, engine.io at /client, POST /broadcast emits its body, a JSON value, to every client.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { Server } from "socket.io";

const server = createServer(async (request, response) => {
  clients.emit("newMessage", await json(request));
  response.writeHead(202).end();
});
const clients = new Server(server, { path: "/client", serveClient: false, transports: ["websocket"] });

server.listen(process.env.PORT, "127.0.0.1");
