// What the product's functions do with an envelope, for every peer in JavaScript.
const json = { "content-type": "application/json" };
const refused = (statusCode) => ({ Outputs: { res: { statusCode, headers: {}, body: "" } }, Logs: [], ReturnValue: null });
const done = (Outputs, ...Logs) => ({ Outputs, Logs, ReturnValue: null });
const credential = /^(authorization|x-ms-client-principal|x-development-)/i;
const isSomebody = ({ Headers }) => Object.keys(Headers).some((name) => credential.test(name));

export const functions = {
  negotiate({ req, connectionInfo }) {
    if (isSomebody(req)) return refused(401);
    const { url, accessToken } = JSON.parse(JSON.parse(connectionInfo));
    const headers = { ...json, "cache-control": "no-store" };
    return done({ res: { statusCode: 200, headers, body: JSON.stringify({ url, accessToken }) } });
  },
  broadcast({ req }) {
    if (isSomebody(req)) return refused(401);
    const { message, ...others } = JSON.parse(req.Body);
    if (typeof message !== "string" || Object.keys(others).length > 0) return refused(400);
    const res = { statusCode: 200, headers: json, body: JSON.stringify({ sent: true }) };
    const signalRMessages = [{ target: "newNotification", arguments: [message] }];
    return done({ res, signalRMessages }, "sending `newNotification` to all clients");
  },
  statusUpdate({ timer }) {
    const status = { timestamp: new Date().toISOString(), servicesHealthy: null, activeUsers: null };
    const late = timer.IsPastDue ? ", later than planned" : "";
    const messages = { signalRMessages: [{ target: "statusUpdate", arguments: [status] }] };
    return done(messages, `sending \`statusUpdate\` to all clients${late}`);
  },
};
