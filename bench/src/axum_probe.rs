//! `bench serve-axum`: what the product's functions do, on axum with typed serde and nothing around it.
//!
//! No log, no settings, no identity but the refusal of every credential, no functions but the three that are measured. It
//! reads only what the answer needs, in place. What the product costs more is the price of what it can do.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::TcpListener;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1
    #[arg(long, env = "FUNCTIONS_CUSTOMHANDLER_PORT")]
    port: u16,
}

/// Answers until the process is ended.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.context("the port cannot be used")?;
    let listener = listener.tap_io(|stream| {
        // Without it small answers may wait; with an error they still arrive.
        let _ = stream.set_nodelay(true);
    });
    let app = axum::Router::new()
        .route("/negotiate", post(async |body: Bytes| answered(negotiate(&body))))
        .route("/broadcast", post(async |body: Bytes| answered(broadcast(&body))))
        .route("/statusUpdate", post(async |body: Bytes| answered(status_update(&body))));
    axum::serve(listener, app).await.context("the listener has failed")
}

#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(rename = "Data")]
    data: T,
}

#[derive(Deserialize)]
struct Negotiate<'a> {
    req: Request,
    #[serde(rename = "connectionInfo", borrow)]
    connection_info: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Broadcast {
    req: Request,
}

#[derive(Deserialize)]
struct Status {
    timer: Timer,
}

#[derive(Deserialize)]
struct Timer {
    #[serde(rename = "IsPastDue")]
    is_past_due: bool,
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "Headers")]
    headers: Headers,
    #[serde(rename = "Body", default)]
    body: Option<String>,
}

/// Whether there is a credential among the headers.
struct Headers {
    somebody: bool,
}

/// Whether the name of a header is that of a credential.
struct IsCredential(bool);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Headers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> std::result::Result<Headers, A::Error> {
                let mut somebody = false;
                while let Some((IsCredential(is_credential), IgnoredAny)) = headers.next_entry()? {
                    somebody |= is_credential;
                }
                Ok(Headers { somebody })
            }
        }
        deserializer.deserialize_map(Names)
    }
}

impl<'de> Deserialize<'de> for IsCredential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = IsCredential;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a header")
            }

            fn visit_str<E>(self, name: &str) -> std::result::Result<IsCredential, E> {
                let begins = |with: &str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
                let names = ["authorization", "x-ms-client-principal", "x-development-"];
                Ok(IsCredential(names.into_iter().any(begins)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionInfo {
    url: String,
    access_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announcement {
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done<'a, T> {
    outputs: T,
    logs: &'a [&'a str],
    return_value: (),
}

#[derive(Serialize)]
struct Outputs<'a, T> {
    res: Res<'a>,
    #[serde(rename = "signalRMessages", skip_serializing_if = "Option::is_none")]
    messages: Option<[Message<T>; 1]>,
}

#[derive(Serialize)]
struct Messages<T> {
    #[serde(rename = "signalRMessages")]
    messages: [Message<T>; 1],
}

#[derive(Serialize)]
struct Message<T> {
    target: &'static str,
    arguments: [T; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Res<'a> {
    status_code: u16,
    headers: ResHeaders,
    body: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ResHeaders {
    content_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusUpdate {
    timestamp: String,
    services_healthy: Option<bool>,
    active_users: Option<u32>,
}

type Answer = serde_json::Result<Vec<u8>>;

fn negotiate(body: &[u8]) -> Answer {
    let Envelope { data: Negotiate { req, connection_info } } = serde_json::from_slice(body)?;
    if req.headers.somebody {
        return reply(401, None, "", None::<[Message<()>; 1]>, &[]);
    }
    let info: Cow<'_, str> = serde_json::from_str(&connection_info)?;
    let info: ConnectionInfo = serde_json::from_str(&info)?;
    reply(200, Some("no-store"), &serde_json::to_string(&info)?, None::<[Message<()>; 1]>, &[])
}

fn broadcast(body: &[u8]) -> Answer {
    let Envelope { data: Broadcast { req } } = serde_json::from_slice(body)?;
    if req.headers.somebody {
        return reply(401, None, "", None::<[Message<()>; 1]>, &[]);
    }
    let Ok(Announcement { message }) = serde_json::from_str(&req.body.unwrap_or_default()) else {
        return reply(400, None, "", None::<[Message<()>; 1]>, &[]);
    };
    let messages = [Message { target: "newNotification", arguments: [message] }];
    reply(200, None, r#"{"sent":true}"#, Some(messages), &["sending `newNotification` to all clients"])
}

fn status_update(body: &[u8]) -> Answer {
    let Envelope { data: Status { timer } } = serde_json::from_slice(body)?;
    let late = if timer.is_past_due { ", later than planned" } else { "" };
    // Seconds are time enough for whoever compares the forms of answers.
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let status = StatusUpdate { timestamp: format!("{seconds}Z"), services_healthy: None, active_users: None };
    let messages = [Message { target: "statusUpdate", arguments: [status] }];
    let log = format!("sending `statusUpdate` to all clients{late}");
    serde_json::to_vec(&Done { outputs: Messages { messages }, logs: &[&log], return_value: () })
}

fn reply<T: Serialize>(
    status_code: u16,
    cache_control: Option<&'static str>,
    body: &str,
    messages: Option<[Message<T>; 1]>,
    logs: &[&str],
) -> Answer {
    let headers = ResHeaders { content_type: "application/json", cache_control };
    let outputs = Outputs { res: Res { status_code, headers, body }, messages };
    serde_json::to_vec(&Done { outputs, logs, return_value: () })
}

fn answered(answer: Answer) -> Response {
    match answer {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
