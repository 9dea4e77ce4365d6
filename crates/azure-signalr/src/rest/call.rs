//! Which call each message and group action becomes (signalr-bindings 5.4).
//!
//! Every name is one path segment, escaped like .NET's `Uri.EscapeDataString`, so `a/b` stays one segment. Names cannot
//! be empty, `.` or `..`, which is what keeps `users/{user}/:send` from becoming `/:send`, the call to everybody.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{GroupAction, HubName, Member, Message, Recipient, Target};

/// What `Uri.EscapeDataString` leaves alone: letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// With this code, adding a connection to a group has come too late, which is no error (signalr-service 1.6).
const CONNECTION_GONE: &str = "Error.Connection.NotExisted";

/// One call, still without address and token.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Below the root of the service, without a leading slash.
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    /// The `x-ms-error-code` with which a 404 is a success.
    pub(super) tolerated: Option<&'static str>,
}

impl Call {
    pub(super) fn send(hub: &HubName, message: &Message) -> Self {
        let path = match &message.recipient {
            Recipient::Everyone => path(hub, &[":send"]),
            Recipient::User(user_id) => path(hub, &["users", &escape(user_id.as_str()), ":send"]),
            Recipient::Group(group_name) => path(hub, &["groups", &escape(group_name.as_str()), ":send"]),
            Recipient::Connection(connection_id) => {
                path(hub, &["connections", &escape(connection_id.as_str()), ":send"])
            }
        };
        let payload = Payload { target: &message.target, arguments: &message.arguments };
        let body = serde_json::to_vec(&payload).expect("a text and JSON can be written as JSON");
        Self { method: Method::POST, path, body: Some(body), tolerated: None }
    }

    pub(super) fn apply(hub: &HubName, action: &GroupAction) -> Self {
        let (method, path) = match action {
            GroupAction::Add { member, group } => (Method::PUT, membership(hub, member, group.as_str())),
            GroupAction::Remove { member, group } => (Method::DELETE, membership(hub, member, group.as_str())),
            GroupAction::RemoveUserFromAll(user_id) => {
                (Method::DELETE, path(hub, &["users", &escape(user_id.as_str()), "groups"]))
            }
        };
        let adds_connection = matches!(action, GroupAction::Add { member: Member::Connection(_), .. });
        Self { method, path, body: None, tolerated: adds_connection.then_some(CONNECTION_GONE) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
    target: &'a Target,
    arguments: &'a [Box<RawValue>],
}

fn membership(hub: &HubName, member: &Member, group: &str) -> String {
    let group = escape(group);
    match member {
        Member::User(user_id) => path(hub, &["users", &escape(user_id.as_str()), "groups", &group]),
        Member::Connection(id) => path(hub, &["groups", &group, "connections", &escape(id.as_str())]),
    }
}

fn path(hub: &HubName, segments: &[&str]) -> String {
    format!("api/hubs/{}/{}", escape(hub.as_str()), segments.join("/"))
}

fn escape(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assume, proptest};

    use super::Call;
    use crate::{GroupAction, HubName, Member, Message, Recipient, Target};

    const TARGET: Target = Target::from_static("newMessage");

    fn hub() -> HubName {
        "Serverless".parse().unwrap()
    }

    #[track_caller]
    fn check(call: &Call, expected: &str) {
        assert_eq!(format!("{} {}", call.method, call.path), expected);
    }

    #[track_caller]
    fn check_send(recipient: Recipient, expected: &str) {
        check(&Call::send(&hub(), &Message::to(recipient, TARGET)), expected);
    }

    #[test]
    fn each_recipient_has_its_own_path() {
        check_send(Recipient::Everyone, "POST api/hubs/serverless/:send");
        check_send(Recipient::User("u".parse().unwrap()), "POST api/hubs/serverless/users/u/:send");
        check_send(Recipient::Group("g".parse().unwrap()), "POST api/hubs/serverless/groups/g/:send");
        check_send(Recipient::Connection("c".parse().unwrap()), "POST api/hubs/serverless/connections/c/:send");
    }

    #[test]
    fn a_name_is_one_segment_whatever_it_holds() {
        check_send(
            Recipient::User("a/b?c#d%2F é".parse().unwrap()),
            "POST api/hubs/serverless/users/a%2Fb%3Fc%23d%252F%20%C3%A9/:send",
        );
        check_send(
            Recipient::Group("~-_.!'()*".parse().unwrap()),
            "POST api/hubs/serverless/groups/~-_.%21%27%28%29%2A/:send",
        );
        check(
            &Call::send(&"h`,.[]".parse().unwrap(), &Message::to_everyone(TARGET)),
            "POST api/hubs/h%60%2C.%5B%5D/:send",
        );
    }

    #[test]
    fn each_group_action_has_its_own_call() {
        let user = || Member::User("u 1".parse().unwrap());
        let connection = || Member::Connection("c-1".parse().unwrap());
        let group = || "g/1".parse().unwrap();
        let apply = |action| Call::apply(&hub(), &action);
        check(
            &apply(GroupAction::Add { member: user(), group: group() }),
            "PUT api/hubs/serverless/users/u%201/groups/g%2F1",
        );
        check(
            &apply(GroupAction::Add { member: connection(), group: group() }),
            "PUT api/hubs/serverless/groups/g%2F1/connections/c-1",
        );
        check(
            &apply(GroupAction::Remove { member: user(), group: group() }),
            "DELETE api/hubs/serverless/users/u%201/groups/g%2F1",
        );
        check(
            &apply(GroupAction::Remove { member: connection(), group: group() }),
            "DELETE api/hubs/serverless/groups/g%2F1/connections/c-1",
        );
        check(
            &apply(GroupAction::RemoveUserFromAll("u 1".parse().unwrap())),
            "DELETE api/hubs/serverless/users/u%201/groups",
        );
    }

    #[test]
    fn the_body_is_the_one_the_binding_sends() {
        let message = Message::to_everyone(TARGET).argument("hi").unwrap().argument(&1).unwrap();
        let fixture = include_str!("../../fixtures/rest-payload.signalr-bindings-5.5.json");
        let body = Call::send(&hub(), &message).body.unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), fixture.trim_end());
        let bare = Call::send(&hub(), &Message::to_everyone(TARGET)).body.unwrap();
        assert_eq!(String::from_utf8(bare).unwrap(), r#"{"Target":"newMessage","Arguments":[]}"#);
    }

    proptest! {
        /// The address that is really sent still names the user, once it has been parsed and normalised.
        #[test]
        fn no_user_id_turns_a_message_into_a_broadcast(text in any::<String>()) {
            let user = text.parse();
            prop_assume!(user.is_ok());
            let call = Call::send(&hub(), &Message::to_user(user.unwrap(), TARGET));
            let address = url::Url::parse(&format!("http://localhost/{}", call.path)).unwrap();
            assert_eq!(address.path(), format!("/{}", call.path));
            let segments: Vec<_> = address.path_segments().unwrap().collect();
            assert_eq!((segments.len(), segments[3], segments[5]), (6, "users", ":send"));
            assert_eq!(percent_encoding::percent_decode_str(segments[4]).decode_utf8().unwrap(), text);
        }
    }
}
