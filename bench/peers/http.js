// Node's own `http`: env FUNCTIONS_CUSTOMHANDLER_PORT, POST /{function} with an envelope.
import { createServer } from "node:http";
import { functions } from "./functions.js";

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { Data } = JSON.parse(Buffer.concat(chunks).toString());
    const body = JSON.stringify(functions[request.url.slice(1)](Data));
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    response.end(body);
  });
});

server.listen(process.env.FUNCTIONS_CUSTOMHANDLER_PORT, "127.0.0.1");
