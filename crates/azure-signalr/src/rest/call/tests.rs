//! Each operation and the call that it becomes, one line per row of signalr-service 1.3.

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
    check(&Call::send(&"h`,.[]".parse().unwrap(), &Message::to_everyone(TARGET)), "POST api/hubs/h%60%2C.%5B%5D/:send");
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
    let fixture = include_str!("../../../fixtures/rest-payload.signalr-bindings-5.5.json");
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
