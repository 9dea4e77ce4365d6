//! What handlers are asked, and what they have to answer.
//!
//! An envelope is as long as the host makes it of a browser's request: about 1.5 KB, because it has the headers twice and
//! an identity that says nothing (functions-host 2.4). The token of a negotiate comes on top.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::callers::Request;

/// A function of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Function {
    Negotiate,
    Broadcast,
    StatusUpdate,
}

impl Function {
    pub(crate) const ALL: [Self; 3] = [Self::Negotiate, Self::Broadcast, Self::StatusUpdate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "negotiate",
            Self::Broadcast => "broadcast",
            Self::StatusUpdate => "statusUpdate",
        }
    }

    /// The call that is timed.
    pub(crate) fn request(self) -> Request {
        Request::new(&format!("/{}", self.name()), &self.envelope().to_string())
    }

    /// What the host would post.
    pub(crate) fn envelope(self) -> Value {
        match self {
            Self::Negotiate => {
                let mut envelope = http_envelope(self.name(), "");
                // Encoded twice, and indented, as the host does (signalr-bindings 4.5).
                let info = format!("{{\n  \"url\": \"{URL}\",\n  \"accessToken\": \"{TOKEN}\"\n}}");
                envelope["Data"]["connectionInfo"] = json!(Value::from(info).to_string());
                envelope
            }
            Self::Broadcast => http_envelope(self.name(), &json!({"message": MESSAGE}).to_string()),
            Self::StatusUpdate => {
                json!({"Data": {"timer": {"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false}},
                "Metadata": {"sys": system(self.name())}})
            }
        }
    }

    /// The answer, where the time is not looked at.
    fn expected(self) -> Value {
        let json = json!({"content-type": "application/json"});
        match self {
            Self::Negotiate => {
                let headers = json!({"content-type": "application/json", "cache-control": "no-store"});
                let body = json!({"url": URL, "accessToken": TOKEN}).to_string();
                let res = json!({"statusCode": 200, "headers": headers, "body": body});
                json!({"Outputs": {"res": res}, "Logs": [], "ReturnValue": null})
            }
            Self::Broadcast => {
                let res = json!({"statusCode": 200, "headers": json, "body": r#"{"sent":true}"#});
                let messages = json!([{"target": "newNotification", "arguments": [MESSAGE]}]);
                let logs = ["sending `newNotification` to all clients"];
                json!({"Outputs": {"res": res, "signalRMessages": messages}, "Logs": logs, "ReturnValue": null})
            }
            Self::StatusUpdate => {
                let status = json!({"timestamp": "", "servicesHealthy": null, "activeUsers": null});
                let messages = json!([{"target": "statusUpdate", "arguments": [status]}]);
                let logs = ["sending `statusUpdate` to all clients"];
                json!({"Outputs": {"signalRMessages": messages}, "Logs": logs, "ReturnValue": null})
            }
        }
    }
}

const URL: &str = "https://contoso.service.signalr.net/client/?hub=notifications";

/// As long as the host's own for somebody anonymous; nobody checks it here.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6Ijc4MzU2ODk1MyIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE3NjM4MTgyMDAsImV4cCI6MTc2MzgyMTgwMCwiaWF0IjoxNzYzODE4MjAwLCJhdWQiOiJodHRwczovL2NvbnRvc28uc2VydmljZS5zaWduYWxyLm5ldC9jbGllbnQvP2h1Yj1ub3RpZmljYXRpb25zIn0.0000000000000000000000000000000000000000000";

const MESSAGE: &str =
    "The 8:15 to \u{201c}Zürich HB\u{201d} leaves from platform 7 today, four minutes later than planned.";

const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn http_envelope(function: &str, body: &str) -> Value {
    let headers = [
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("Content-Type", "application/json"),
        ("Host", "localhost:7071"),
        ("Origin", "http://localhost:8080"),
        ("Referer", "http://localhost:8080/"),
        ("User-Agent", BROWSER),
        ("Accept-Language", "en-GB,en;q=0.9"),
        ("Content-Length", &body.len().to_string()),
    ];
    let once: serde_json::Map<_, _> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let lists: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let identity = json!({"AuthenticationType": null, "IsAuthenticated": false, "Actor": null, "BootstrapContext": null,
        "Claims": [], "Label": null, "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"});
    let request = json!({"Url": format!("http://localhost:7071/api/{function}"), "Method": "POST", "Query": {},
        "Headers": lists, "Params": {}, "Identities": [identity], "Body": body});
    json!({"Data": {"req": request}, "Metadata": {"Query": {}, "Headers": once, "sys": system(function)}})
}

fn system(function: &str) -> Value {
    json!({"MethodName": function, "UtcNow": "2026-01-03T05:37:23.9299023Z", "RandGuid": "eac00178-9aae-4a67-adc8-90596a9adc70"})
}

/// Whether the handler gives every answer that it must.
///
/// # Errors
/// The first difference.
pub(crate) async fn check(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    for function in Function::ALL {
        let answer = ask(&mut stream, function, &function.envelope()).await?;
        let (found, expected) = (comparable(answer), comparable(function.expected()));
        ensure!(found == expected, "`{}` was answered with {found} instead of {expected}", function.name());
    }
    let mut somebody = Function::Negotiate.envelope();
    somebody["Data"]["req"]["Headers"]["X-MS-CLIENT-PRINCIPAL-ID"] = json!(["somebody"]);
    refused(&mut stream, Function::Negotiate, &somebody, 401).await?;
    let mut somebody = Function::Broadcast.envelope();
    somebody["Data"]["req"]["Headers"]["authorization"] = json!(["Bearer token"]);
    refused(&mut stream, Function::Broadcast, &somebody, 401).await?;
    let misspelt = http_envelope("broadcast", r#"{"message":"x","reciever":"ann"}"#);
    refused(&mut stream, Function::Broadcast, &misspelt, 400).await
}

async fn refused(stream: &mut TcpStream, function: Function, envelope: &Value, status: u16) -> Result<()> {
    let answer = ask(stream, function, envelope).await?;
    let found = &answer["Outputs"]["res"]["statusCode"];
    ensure!(*found == json!(status), "`{}` was answered with {found} instead of {status}", function.name());
    Ok(())
}

async fn ask(stream: &mut TcpStream, function: Function, envelope: &Value) -> Result<Value> {
    let request = Request::new(&format!("/{}", function.name()), &envelope.to_string());
    let answer = request.answer(stream).await.with_context(|| format!("`{}`", function.name()))?;
    serde_json::from_str(&answer).with_context(|| format!("`{}` was not answered with JSON", function.name()))
}

/// Without what may differ: the time, which has to be a text, and lines of the log before the last.
fn comparable(mut answer: Value) -> Value {
    if let Some(time @ Value::String(_)) = answer.pointer_mut("/Outputs/signalRMessages/0/arguments/0/timestamp") {
        *time = Value::Null;
    }
    if let Some(Value::Array(lines)) = answer.get_mut("Logs") {
        lines.drain(..lines.len().saturating_sub(1));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_of_calls_have_about_one_and_a_half_kilobytes() {
        for function in [Function::Negotiate, Function::Broadcast] {
            let length = function.envelope().to_string().len();
            assert!((1300..1800).contains(&length), "{}: {length}", function.name());
        }
    }

    #[test]
    fn only_time_and_earlier_lines_may_differ() {
        let answer = |timestamp: Value, lines: Value| {
            let message = json!([{"arguments": [{"timestamp": timestamp, "activeUsers": 1}]}]);
            comparable(json!({"Outputs": {"signalRMessages": message}, "Logs": lines}))
        };
        let expected = answer(json!("now"), json!(["sent"]));
        assert_eq!(answer(json!("then"), json!(["a warning", "sent"])), expected);
        assert_ne!(answer(json!(7), json!(["sent"])), expected);
        assert_ne!(answer(json!("then"), json!(["not sent"])), expected);
        assert_ne!(answer(json!("then"), json!([])), expected);
    }
}
