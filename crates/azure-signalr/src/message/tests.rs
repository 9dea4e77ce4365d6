//! What is written for the binding, and that nobody is reached who was not named.

use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Message, OutputItem, Recipient};
use crate::{GroupAction, Member, Target};

const TARGET: Target = Target::from_static("newMessage");

#[track_caller]
fn check(item: impl Into<OutputItem>, expected: &str) {
    assert_eq!(serde_json::to_string(&item.into()).unwrap(), expected);
}

#[test]
fn a_message_names_its_recipient_or_everyone() {
    let message = |recipient| Message::to(recipient, TARGET);
    check(message(Recipient::Everyone), r#"{"target":"newMessage","arguments":[]}"#);
    check(message(Recipient::User("u".parse().unwrap())), r#"{"target":"newMessage","arguments":[],"userId":"u"}"#);
    check(message(Recipient::Group("g".parse().unwrap())), r#"{"target":"newMessage","arguments":[],"groupName":"g"}"#);
    check(
        message(Recipient::Connection("c".parse().unwrap())),
        r#"{"target":"newMessage","arguments":[],"connectionId":"c"}"#,
    );
}

#[test]
fn arguments_pass_byte_for_byte() {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    let message = Message::to_everyone(TARGET)
        .raw_argument(raw("12345678901234567890123"))
        .raw_argument(raw("1.0"))
        .raw_argument(raw(r#"{"b": 1,"a":"\u00e9"}"#))
        .argument(&Some("x"))
        .unwrap();
    check(message, r#"{"target":"newMessage","arguments":[12345678901234567890123,1.0,{"b": 1,"a":"\u00e9"},"x"]}"#);
}

#[test]
fn a_group_action_is_named_by_action() {
    let user = || Member::User("u".parse().unwrap());
    let connection = || Member::Connection("c".parse().unwrap());
    let group = || "g".parse().unwrap();
    check(GroupAction::Add { member: user(), group: group() }, r#"{"action":"add","userId":"u","groupName":"g"}"#);
    check(
        GroupAction::Remove { member: connection(), group: group() },
        r#"{"action":"remove","connectionId":"c","groupName":"g"}"#,
    );
    check(GroupAction::RemoveUserFromAll("u".parse().unwrap()), r#"{"action":"removeAll","userId":"u"}"#);
}

#[test]
fn items_have_the_shape_that_the_binding_reads() {
    let member = || Member::User("u1".parse().unwrap());
    let group = || "g1".parse().unwrap();
    let message = Message::to_user("u1".parse().unwrap(), TARGET).argument("x").unwrap().argument(&1).unwrap();
    let items: [OutputItem; 5] = [
        message.argument(&serde_json::json!({"k": true})).unwrap().into(),
        Message::to_everyone(TARGET).into(),
        GroupAction::Add { member: member(), group: group() }.into(),
        GroupAction::Remove { member: Member::Connection("c1".parse().unwrap()), group: group() }.into(),
        GroupAction::RemoveUserFromAll("u1".parse().unwrap()).into(),
    ];
    let fixture = include_str!("../../fixtures/output-items.signalr-bindings-5.1.json");
    assert_eq!(serde_json::to_string(&items).unwrap(), fixture.trim_end());
}

#[test]
fn an_argument_that_is_not_json_is_refused() {
    let not_json = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert!(Message::to_everyone(TARGET).argument(&not_json).is_err());
}

/// Any item at all, with names as wild as their types let them be.
fn items() -> impl Strategy<Value = (OutputItem, bool)> {
    let name = || any::<String>().prop_filter_map("no name", |text| text.parse().ok());
    let group = || any::<String>().prop_filter_map("no name", |text| text.parse().ok());
    let connection = || any::<String>().prop_filter_map("no name", |text| text.parse().ok());
    let to = |recipient| OutputItem::from(Message::to(recipient, TARGET));
    prop_oneof![
        proptest::strategy::LazyJust::new(move || (to(Recipient::Everyone), true)),
        name().prop_map(move |user| (to(Recipient::User(user)), false)),
        group().prop_map(move |group| (to(Recipient::Group(group)), false)),
        connection().prop_map(move |connection| (to(Recipient::Connection(connection)), false)),
        (name(), group())
            .prop_map(|(user, group)| (GroupAction::Add { member: Member::User(user), group }.into(), false)),
        (connection(), group()).prop_map(|(connection, group)| {
            (GroupAction::Remove { member: Member::Connection(connection), group }.into(), false)
        }),
        name().prop_map(|user| (GroupAction::RemoveUserFromAll(user).into(), false)),
    ]
}

/// How the binding reads an item: a message by its `target`, and its recipient by the first of three that is not empty
/// (signalr-bindings 5.3).
fn reaches_everyone(item: &Value) -> bool {
    let named =
        ["connectionId", "userId", "groupName"].iter().any(|key| item[key].as_str().is_some_and(|id| !id.is_empty()));
    item.get("target").is_some() && !named
}

proptest! {
    #[test]
    fn no_item_reaches_everyone_unless_everyone_was_spelled((item, everyone) in items()) {
        let item = serde_json::to_value(&item).unwrap();
        assert_eq!(reaches_everyone(&item), everyone, "{item}");
    }
}
