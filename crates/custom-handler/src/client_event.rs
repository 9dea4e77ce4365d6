//! What a `signalRTrigger` says about a client: that it has come or gone, or what it has called.
//!
//! The host sends it encoded twice, or as an object, depending on the version of the extension (signalr-bindings 6.5);
//! [`Invocation::input`](crate::Invocation::input) reads either.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An event of one client's connection. Every member may be null.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClientEvent {
    /// Which connection: what messages and group actions call `connectionId`.
    pub connection_id: String,
    /// Who the client is, as its token said; `None` for nobody in particular.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The hub, in lower case.
    #[serde(default)]
    pub hub: Option<String>,
    /// `connections` or `messages`.
    #[serde(default)]
    pub category: Option<String>,
    /// `connected`, `disconnected`, or the method that was called.
    #[serde(default)]
    pub event: Option<String>,
    /// Of a call, what it was given; otherwise none.
    #[serde(default)]
    pub arguments: Option<Vec<Value>>,
    /// Of an end, the reason if there is one.
    #[serde(default)]
    pub error: Option<String>,
    /// The claims of the client's token: the first value of each type. Values with a comma arrive damaged
    /// (signalr-bindings 6.3).
    #[serde(default)]
    pub claims: Option<BTreeMap<String, String>>,
}

impl ClientEvent {
    /// The user, unless there is none or its id is empty, which means the same to the service.
    pub fn user(&self) -> Option<&str> {
        self.user_id.as_deref().filter(|user_id| !user_id.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::{ClientEvent, Invocation};

    #[test]
    fn the_event_is_read_out_of_its_two_shells_of_text() {
        let envelope = include_bytes!("../fixtures/client_event_invocation_signalr-bindings_6.5.json");
        let event: ClientEvent = Invocation::parse(envelope).unwrap().input("invocation").unwrap();
        assert_eq!((event.connection_id.as_str(), event.user()), ("gZ9-5Jm0Xr0m4x3cW1Tjqw", Some("alice")));
        assert_eq!((event.category.as_deref(), event.event.as_deref()), (Some("messages"), Some("SendMessage")));
        assert_eq!(event.arguments, Some(vec!["hi".into()]));
        assert_eq!(event.claims.unwrap()["role"], "admin");
    }

    #[test]
    fn an_empty_user_is_none() {
        for user in ["null", r#""""#] {
            let event: ClientEvent =
                serde_json::from_str(&format!(r#"{{"ConnectionId":"c","UserId":{user}}}"#)).unwrap();
            assert_eq!(event.user(), None);
        }
    }
}
