use super::*;

fn raw(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).unwrap()
}

/// What an item becomes: its own JSON, `nothing`, or the error.
fn item(json: &str) -> Result<String, String> {
    Ok(match read_item(&raw(json))? {
        Item::Message(message) => serde_json::to_string(&message).unwrap(),
        Item::GroupAction(action) => serde_json::to_string(&action).unwrap(),
        Item::Nothing => "nothing".to_owned(),
    })
}

#[track_caller]
fn check(json: &str, becomes: &str) {
    assert_eq!(item(json), Ok(becomes.to_owned()), "{json}");
}

#[track_caller]
fn fails(json: &str, text: &str) {
    assert_eq!(item(json), Err(text.to_owned()), "{json}");
}

fn elements_of(json: &str) -> Result<Vec<String>, String> {
    let elements = elements(OutputValue::Json(raw(json)))?;
    Ok(elements.iter().map(|element| element.get().to_owned()).collect())
}

#[test]
fn a_message_goes_to_the_first_recipient_that_is_not_empty() {
    check(r#"{"target":"t","arguments":["x",1.0]}"#, r#"{"target":"t","arguments":["x",1.0]}"#);
    check(r#"{"target":"t"}"#, r#"{"target":"t","arguments":[]}"#);
    check(r#"{"target":"t","arguments":null,"userId":"u"}"#, r#"{"target":"t","arguments":[],"userId":"u"}"#);
    check(
        r#"{"target":"t","userId":"u","groupName":"g","connectionId":"c"}"#,
        r#"{"target":"t","arguments":[],"connectionId":"c"}"#,
    );
    check(r#"{"target":"t","userId":"","groupName":"g"}"#, r#"{"target":"t","arguments":[],"groupName":"g"}"#);
    check(r#"{"target":"t","userId":"","connectionId":null}"#, r#"{"target":"t","arguments":[]}"#);
    check(r#"{"TARGET":"t","UserID":5}"#, r#"{"target":"t","arguments":[],"userId":"5"}"#);
}

#[test]
fn a_target_makes_an_item_a_message_even_with_an_action() {
    check(r#"{"target":"t","action":"add","userId":"u"}"#, r#"{"target":"t","arguments":[],"userId":"u"}"#);
}

#[test]
fn an_empty_target_has_its_own_text() {
    fails(r#"{"target":""}"#, "Argument cannot be null or empty. (Parameter 'methodName')");
}

#[test]
fn group_actions_take_a_connection_before_a_user() {
    check(r#"{"action":"add","userId":"u","groupName":"g"}"#, r#"{"action":"add","userId":"u","groupName":"g"}"#);
    check(
        r#"{"ACTION":"Remove","userId":"u","connectionId":"c","groupName":"g"}"#,
        r#"{"action":"remove","connectionId":"c","groupName":"g"}"#,
    );
    check(r#"{"action":"removeAll","userId":"u","groupName":"g"}"#, r#"{"action":"removeAll","userId":"u"}"#);
    check(r#"{"action":0,"userId":"u","groupName":"g"}"#, r#"{"action":"add","userId":"u","groupName":"g"}"#);
    check(r#"{"action":2,"userId":"u"}"#, r#"{"action":"removeAll","userId":"u"}"#);
}

#[test]
fn remove_all_of_a_connection_sends_nothing() {
    check(r#"{"action":"removeAll","connectionId":"c"}"#, "nothing");
}

#[test]
fn incomplete_group_actions_have_their_own_texts() {
    fails(r#"{"action":"add","userId":"u"}"#, "groupName cannot be null or empty");
    fails(r#"{"action":"remove","connectionId":"c","groupName":""}"#, "groupName cannot be null or empty");
    fails(r#"{"action":"add","groupName":"g"}"#, "ConnectionId and UserId cannot be null or empty together");
    fails(r#"{"action":"removeAll","userId":""}"#, "ConnectionId and UserId cannot be null or empty together");
}

#[test]
fn neither_message_nor_action_is_refused() {
    for json in [
        "{}",
        r#"{"target":null}"#,
        r#"{"target":"t","arguments":"x"}"#,
        r#"{"target":"t","userId":{}}"#,
        r#"{"action":"join","userId":"u"}"#,
        r#"{"action":3,"userId":"u"}"#,
        r#"{"action":"add","userId":[]}"#,
    ] {
        fails(json, "Unable to convert JObject to valid output binding type, check parameters.");
    }
}

#[test]
fn action_name_is_refused_with_a_hint() {
    fails(
        r#"{"actionName":"add","userId":"user123","groupName":"premium-users"}"#,
        "Unable to convert JObject to valid output binding type, check parameters. The key `actionName` belongs to Web \
         PubSub; the SignalR binding wants `action`. [FH1013]",
    );
}

#[test]
fn an_object_is_one_item_and_an_array_is_many() {
    assert_eq!(elements_of(r#"{"target":"t"}"#).unwrap(), [r#"{"target":"t"}"#]);
    assert_eq!(elements_of(r#"[{"target":"a"},{"target":"b"}]"#).unwrap(), [r#"{"target":"a"}"#, r#"{"target":"b"}"#]);
    assert!(elements_of("[]").unwrap().is_empty());
}

#[test]
fn a_string_of_json_is_read_but_must_be_json() {
    assert_eq!(elements_of(r#"" {\"target\":\"t\"} ""#).unwrap(), [r#"{"target":"t"}"#]);
    assert_eq!(elements_of(r#""[{\"target\":\"t\"}]""#).unwrap(), [r#"{"target":"t"}"#]);
    assert!(elements_of(r#""{target}""#).is_err());
}

#[test]
fn anything_else_is_no_item() {
    for json in ["\"text\"", "5", "true"] {
        let elements = elements(OutputValue::Json(raw(json))).unwrap();
        assert_eq!(read_item(&elements[0]).unwrap_err(), "Value cannot be null. (Parameter 'item')", "{json}");
    }
    assert_eq!(elements(OutputValue::Bytes(vec![1])).unwrap_err(), "Value cannot be null. (Parameter 'item')");
    fails("5", "Value cannot be null. (Parameter 'item')");
    fails("null", "Value cannot be null. (Parameter 'item')");
}
