//! Publishes broadcasts, the way a user of the server would.

use anyhow::{Context as _, Result, ensure};
use azure_signalr::rest::RetryPolicy;
use azure_signalr::{ConnectionString, HubClient, Message, RestClient, Target as Method};
use reqwest::StatusCode;
use serde_json::value::RawValue;

use super::dialect::{Dialect, Target, hub};

/// The method that clients would have registered with `on`.
const NEW_MESSAGE: Method = Method::from_static("newMessage");

#[derive(Debug)]
pub(super) enum Publisher {
    /// `POST /broadcast` with the payload as body.
    Plain { http: reqwest::Client, url: String },
    /// The REST interface of the service, with a token for every call (signalr-service 1.3, 1.7).
    SignalR { hub: Box<HubClient> },
}

impl Publisher {
    pub(super) fn to(target: &Target) -> Self {
        match &target.dialect {
            Dialect::Plain | Dialect::EngineIo | Dialect::Hub => {
                Self::Plain { http: target.http.clone(), url: format!("http://{}/broadcast", target.address) }
            }
            Dialect::SignalR(connection) => Self::signalr(ConnectionString::clone(connection), target.http.clone()),
        }
    }

    fn signalr(connection: ConnectionString, http: reqwest::Client) -> Self {
        // A broadcast that had to be made again would count as one.
        let client = RestClient::new(connection).with_http(http).with_retry(RetryPolicy::none());
        Self::SignalR { hub: Box::new(client.hub(&hub())) }
    }

    pub(super) fn hub(&self) -> Option<&HubClient> {
        if let Self::SignalR { hub } = self { Some(hub) } else { None }
    }

    /// Has `payload`, a JSON value, sent to every client, and returns when the server has accepted it.
    pub(super) async fn publish(&self, payload: String) -> Result<()> {
        match self {
            Self::Plain { http, url } => {
                let answer = http.post(url).header("content-type", "application/json").body(payload).send().await?;
                ensure!(answer.status() == StatusCode::ACCEPTED, "a broadcast was answered with {}", answer.status());
                // The connection is used again only after the answer's end.
                answer.bytes().await?;
                Ok(())
            }
            Self::SignalR { hub } => {
                let argument = RawValue::from_string(payload).context("the payload is not JSON")?;
                let message = Message::to_everyone(NEW_MESSAGE).raw_argument(argument);
                Ok(hub.send(&message).await?)
            }
        }
    }
}
