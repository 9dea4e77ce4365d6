"""FastAPI on uvicorn: env FUNCTIONS_CUSTOMHANDLER_PORT, POST /{function} with an envelope."""
import json, os, uvicorn
from datetime import UTC, datetime
from fastapi import FastAPI

app, JSON = FastAPI(), {"content-type": "application/json"}
CREDENTIALS = ("authorization", "x-ms-client-principal", "x-development-")
def done(outputs, *logs): return {"Outputs": outputs, "Logs": list(logs), "ReturnValue": None}
def res(status, body="", headers=JSON): return {"statusCode": status, "headers": headers, "body": body}
def is_somebody(req): return any(name.lower().startswith(CREDENTIALS) for name in req["Headers"])
@app.post("/negotiate")
async def negotiate(envelope: dict):
    if is_somebody(envelope["Data"]["req"]): return done({"res": res(401)})
    info = json.loads(json.loads(envelope["Data"]["connectionInfo"]))
    body = json.dumps({"url": info["url"], "accessToken": info["accessToken"]}, separators=(",", ":"))
    return done({"res": res(200, body, JSON | {"cache-control": "no-store"})})
@app.post("/broadcast")
async def broadcast(envelope: dict):
    if is_somebody(envelope["Data"]["req"]): return done({"res": res(401)})
    body = json.loads(envelope["Data"]["req"]["Body"])
    if set(body) != {"message"} or not isinstance(body["message"], str): return done({"res": res(400)})
    messages = [{"target": "newNotification", "arguments": [body["message"]]}]
    return done({"res": res(200, '{"sent":true}'), "signalRMessages": messages}, "sending `newNotification` to all clients")
@app.post("/statusUpdate")
async def status_update(envelope: dict):
    status = {"timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "servicesHealthy": None, "activeUsers": None}
    late = ", later than planned" if envelope["Data"]["timer"]["IsPastDue"] else ""
    messages = [{"target": "statusUpdate", "arguments": [status]}]
    return done({"signalRMessages": messages}, f"sending `statusUpdate` to all clients{late}")
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"]), log_level="error")
