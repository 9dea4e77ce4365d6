//! Each operation and the call that it becomes, one line per row of signalr-service 1.3.

use proptest::prelude::{Just, Strategy, any, prop_assume, prop_oneof, proptest};

use super::{Call, Last, PageQuery, Whose};
use crate::rest::ErrorCode;
use crate::rest::retry::Repeat;
use crate::{
    ConnectionId, GroupAction, GroupName, HubName, Invocation, Member, Message, Recipient, StreamId, Target, UserId,
};

const TARGET: Target = Target::from_static("newMessage");

fn hub() -> HubName {
    "Serverless".parse().unwrap()
}

fn user() -> UserId {
    "u 1".parse().unwrap()
}

fn group() -> GroupName {
    "g/1".parse().unwrap()
}

fn connection() -> ConnectionId {
    "c-1".parse().unwrap()
}

fn stream() -> StreamId {
    "s?".parse().unwrap()
}

fn hello() -> Invocation {
    Invocation::new(TARGET).argument("hi").unwrap()
}

/// The method, the path below the hub, and the query.
#[track_caller]
fn check(call: &Call, expected: &str) {
    let path = call.path.strip_prefix("api/hubs/serverless/").unwrap_or(&call.path);
    assert_eq!(format!("{} {path}?{}", call.method, call.query(None)), expected);
}

#[track_caller]
fn check_send(recipient: Recipient, expected: &str) {
    check(&Call::send(&hub(), &Message::to(recipient, TARGET)), expected);
}

#[test]
fn each_recipient_has_its_own_path() {
    check_send(Recipient::Everyone, "POST :send?api-version=2022-06-01");
    check_send(Recipient::User(user()), "POST users/u%201/:send?api-version=2022-06-01");
    check_send(Recipient::Group(group()), "POST groups/g%2F1/:send?api-version=2022-06-01");
    check_send(Recipient::Connection(connection()), "POST connections/c-1/:send?api-version=2022-06-01");
}

#[test]
fn connections_are_left_out_by_repeated_parameters() {
    let excluded = ["a b".parse().unwrap(), "c&d".parse().unwrap()];
    check(
        &Call::send_excluding(&hub(), &Whose::Everyone, &excluded, &hello()),
        "POST :send?api-version=2022-06-01&excluded=a+b&excluded=c%26d",
    );
    check(
        &Call::send_excluding(&hub(), &Whose::Group(&group()), &excluded[..1], &hello()),
        "POST groups/g%2F1/:send?api-version=2022-06-01&excluded=a+b",
    );
}

#[test]
fn closing_says_whose_connections_which_not_and_why() {
    let close = |whose: &Whose<'_>| Call::close_connections(&hub(), whose, &["c".parse().unwrap()], Some("good bye"));
    let query = "?api-version=2022-06-01&excluded=c&reason=good+bye";
    check(&close(&Whose::Everyone), &format!("POST :closeConnections{query}"));
    check(&close(&Whose::Group(&group())), &format!("POST groups/g%2F1/:closeConnections{query}"));
    check(&close(&Whose::User(&user())), &format!("POST users/u%201/:closeConnections{query}"));
    check(
        &Call::close_connections(&hub(), &Whose::Everyone, &[], None),
        "POST :closeConnections?api-version=2022-06-01",
    );
    check(
        &Call::close_connection(&hub(), &connection(), Some("bye")),
        "DELETE connections/c-1?api-version=2022-06-01&reason=bye",
    );
}

#[test]
fn existence_is_asked_with_head() {
    check(&Call::connection_exists(&hub(), &connection()), "HEAD connections/c-1?api-version=2022-06-01");
    check(&Call::user_exists(&hub(), &user()), "HEAD users/u%201?api-version=2022-06-01");
    check(&Call::group_exists(&hub(), &group()), "HEAD groups/g%2F1?api-version=2022-06-01");
    check(&Call::user_in_group(&hub(), &user(), &group()), "HEAD users/u%201/groups/g%2F1?api-version=2022-06-01");
    check(&Call::health(), "HEAD api/health?api-version=2022-06-01");
}

#[test]
fn each_group_action_has_its_own_call() {
    let member = || Member::Connection(connection());
    let apply = |action| Call::apply(&hub(), &action);
    let query = "?api-version=2022-06-01";
    let on_user = format!("users/u%201/groups/g%2F1{query}");
    let on_connection = format!("groups/g%2F1/connections/c-1{query}");
    check(&apply(GroupAction::Add { member: Member::User(user()), group: group() }), &format!("PUT {on_user}"));
    check(&apply(GroupAction::Remove { member: Member::User(user()), group: group() }), &format!("DELETE {on_user}"));
    check(&apply(GroupAction::Add { member: member(), group: group() }), &format!("PUT {on_connection}"));
    check(&apply(GroupAction::Remove { member: member(), group: group() }), &format!("DELETE {on_connection}"));
    check(&apply(GroupAction::RemoveUserFromAll(user())), &format!("DELETE users/u%201/groups{query}"));
    check(&Call::add_user(&hub(), &user(), &group(), Some(90)), &format!("PUT {on_user}&ttl=90"));
    check(&Call::remove_connection_from_all(&hub(), &connection()), &format!("DELETE connections/c-1/groups{query}"));
}

#[test]
fn newer_operations_ask_for_the_version_that_has_them() {
    check(
        &Call::generate_token(&hub(), Some(&user()), 5),
        "POST :generateToken?api-version=2022-11-01&userId=u+1&minutesToExpire=5",
    );
    check(&Call::generate_token(&hub(), None, 60), "POST :generateToken?api-version=2022-11-01&minutesToExpire=60");
    check(&Call::execute(&hub(), "a eq 'b'", Vec::new()), "POST :execute?api-version=2023-07-01&filter=a+eq+%27b%27");
    check(&Call::access_key(), "GET api/v1/auth/accessKey?api-version=2023-07-01");
    check(&Call::invoke(&hub(), &connection(), &hello()), "POST connections/c-1/:invoke?api-version=2024-12-01");
    let at = (&connection(), &stream());
    let streams = "connections/c-1/streams/s%3F";
    let item = |last| Call::stream_item(&hub(), at, b"1".to_vec(), last);
    check(&item(Last::No), &format!("POST {streams}/:send?api-version=2024-12-01"));
    check(&item(Last::Yes), &format!("POST {streams}/:send?api-version=2024-12-01&completed=true"));
    let complete = |error| Call::complete_stream(&hub(), at, error);
    check(&complete(None), &format!("POST {streams}/:complete?api-version=2024-12-01"));
    check(&complete(Some("no")), &format!("POST {streams}/:complete?api-version=2024-12-01&reason=no"));
    let page = PageQuery { size: Some(200), top: Some(1000), continues_at: Some("c2") };
    check(
        &Call::members(&hub(), &group(), &page),
        "GET groups/g%2F1/connections?api-version=2024-12-01&maxpagesize=200&top=1000&continuationToken=c2",
    );
}

#[test]
fn an_application_comes_before_the_version() {
    let application = "App".parse().unwrap();
    let query = Call::close_connection(&hub(), &connection(), Some("bye")).query(Some(&application));
    assert_eq!(query, "application=app&api-version=2022-06-01&reason=bye");
}

#[test]
fn a_name_is_one_segment_whatever_it_holds() {
    check_send(
        Recipient::User("a/b?c#d%2F é".parse().unwrap()),
        "POST users/a%2Fb%3Fc%23d%252F%20%C3%A9/:send?api-version=2022-06-01",
    );
    check_send(
        Recipient::Group("~-_.!'()*".parse().unwrap()),
        "POST groups/~-_.%21%27%28%29%2A/:send?api-version=2022-06-01",
    );
    let hub = "h`,.[]".parse().unwrap();
    assert_eq!(Call::send(&hub, &Message::to_everyone(TARGET)).path, "api/hubs/h%60%2C.%5B%5D/:send");
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

#[test]
fn only_what_clients_see_is_not_to_be_repeated() {
    let at = (&connection(), &stream());
    for call in [
        Call::send(&hub(), &Message::to_user(user(), TARGET)),
        Call::send_excluding(&hub(), &Whose::Everyone, &[], &hello()),
        Call::invoke(&hub(), &connection(), &hello()),
        Call::stream_item(&hub(), at, Vec::new(), Last::No),
        Call::complete_stream(&hub(), at, None),
        Call::execute(&hub(), "f", Vec::new()),
    ] {
        assert_eq!(call.repeat, Repeat::Visible, "{call:?}");
    }
    let page = PageQuery { size: None, top: None, continues_at: None };
    for call in [
        Call::apply(&hub(), &GroupAction::RemoveUserFromAll(user())),
        Call::close_connection(&hub(), &connection(), None),
        Call::close_connections(&hub(), &Whose::Everyone, &[], None),
        Call::generate_token(&hub(), None, 1),
        Call::members(&hub(), &group(), &page),
        Call::user_exists(&hub(), &user()),
    ] {
        assert_eq!(call.repeat, Repeat::Safe, "{call:?}");
    }
}

#[test]
fn absence_is_a_no_only_with_the_code_of_the_call() {
    assert_eq!(Call::connection_exists(&hub(), &connection()).absence, Some(ErrorCode::ConnectionNotFound));
    assert_eq!(Call::user_exists(&hub(), &user()).absence, Some(ErrorCode::UserNotFound));
    assert_eq!(Call::group_exists(&hub(), &group()).absence, Some(ErrorCode::GroupNotFound));
    assert_eq!(Call::user_in_group(&hub(), &user(), &group()).absence, Some(ErrorCode::UserNotInGroup));
    assert_eq!(Call::close_connection(&hub(), &connection(), None).absence, Some(ErrorCode::ConnectionNotFound));
    assert_eq!(Call::add_connection(&hub(), &connection(), &group()).absence, Some(ErrorCode::ConnectionRequired));
    assert_eq!(Call::add_user(&hub(), &user(), &group(), None).absence, None);
    assert_eq!(Call::send(&hub(), &Message::to_user(user(), TARGET)).absence, None);
}

/// Every call that is about somebody, with names as wild as they come.
fn calls_about_somebody(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let (known_user, known_group, known_connection) = (user(), group(), connection());
    if let Ok(user) = text.parse::<UserId>() {
        let whose = Whose::User(&user);
        calls.push(Call::send(&hub(), &Message::to_user(user.clone(), TARGET)));
        calls.push(Call::close_connections(&hub(), &whose, &[], None));
        calls.push(Call::add_user(&hub(), &user, &known_group, None));
        calls.push(Call::user_in_group(&hub(), &user, &known_group));
        calls.push(Call::apply(&hub(), &GroupAction::RemoveUserFromAll(user)));
    }
    if let Ok(group) = text.parse::<GroupName>() {
        let (whose, page) = (Whose::Group(&group), PageQuery { size: None, top: None, continues_at: None });
        calls.push(Call::send(&hub(), &Message::to_group(group.clone(), TARGET)));
        calls.push(Call::send_excluding(&hub(), &whose, &[], &hello()));
        calls.push(Call::close_connections(&hub(), &whose, &[], None));
        calls.push(Call::members(&hub(), &group, &page));
        calls.push(Call::add_connection(&hub(), &known_connection, &group));
        calls.push(Call::add_user(&hub(), &known_user, &group, None));
    }
    if let Ok(connection) = text.parse::<ConnectionId>() {
        calls.push(Call::send(&hub(), &Message::to_connection(connection.clone(), TARGET)));
        calls.push(Call::invoke(&hub(), &connection, &hello()));
        calls.push(Call::close_connection(&hub(), &connection, None));
        calls.push(Call::remove_connection_from_all(&hub(), &connection));
    }
    if let Ok(stream) = text.parse::<StreamId>() {
        calls.push(Call::complete_stream(&hub(), (&known_connection, &stream), None));
    }
    calls
}

/// Mostly what could break an address.
fn wild() -> impl Strategy<Value = String> {
    let nasty =
        ["", ".", "..", "/", "//", "%2e", "%2E%2e", ":send", "\\", "?", "#", "a/../b", "\u{0}", " ", "\t", "\n"];
    prop_oneof![any::<String>(), proptest::sample::select(nasty.map(str::to_owned).to_vec()), Just("é".to_owned())]
}

proptest! {
    /// The address that is really sent still names somebody, once it has been parsed and normalised as a server would.
    #[test]
    fn no_name_turns_a_call_about_somebody_into_one_about_everybody(text in wild()) {
        for call in calls_about_somebody(&text) {
            let address = url::Url::parse(&format!("http://localhost/{}", call.path)).unwrap();
            assert_eq!(address.path(), format!("/{}", call.path), "{call:?}");
            let segments: Vec<_> = address.path_segments().unwrap().collect();
            assert!(matches!(segments[3], "users" | "groups" | "connections"), "{call:?}");
            let decoded = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8().unwrap().into_owned();
            assert!(segments[4..].iter().any(|segment| decoded(segment) == text), "{call:?}");
            assert!(segments.iter().all(|segment| !segment.is_empty()), "{call:?}");
        }
    }

    #[test]
    fn a_user_id_arrives_as_it_was(text in any::<String>()) {
        let user = text.parse();
        prop_assume!(user.is_ok());
        let call = Call::send(&hub(), &Message::to_user(user.unwrap(), TARGET));
        let segments: Vec<_> = call.path.split('/').collect();
        assert_eq!((segments.len(), segments[3], segments[5]), (6, "users", ":send"));
        assert_eq!(percent_encoding::percent_decode_str(segments[4]).decode_utf8().unwrap(), text);
    }
}
