// `fastify`: env FUNCTIONS_CUSTOMHANDLER_PORT, POST /{function} with an envelope.
import fastify from "fastify";
import { functions } from "./functions.js";

const server = fastify();
for (const [name, invoke] of Object.entries(functions)) {
  server.post(`/${name}`, async (request) => invoke(request.body.Data));
}

await server.listen({ host: "127.0.0.1", port: Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT) });
