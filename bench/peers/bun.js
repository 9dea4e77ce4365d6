// `bun`: env FUNCTIONS_CUSTOMHANDLER_PORT, POST /{function} with an envelope.
import { functions } from "./functions.js";

const route = ([name, invoke]) => {
  const POST = async (request) => Response.json(invoke((await request.json()).Data));
  return [`/${name}`, { POST }];
};

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT),
  routes: Object.fromEntries(Object.entries(functions).map(route)),
});
