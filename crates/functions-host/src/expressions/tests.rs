//! Expressions against the settings and the binding data of an HTTP call.

use serde_json::json;

use super::*;

fn settings() -> Settings {
    let variables = [("HUB", "chat"), ("Nested__Name", "deep"), ("Empty", ""), ("Template", "{user}")];
    Settings::from_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn data() -> Map<String, Value> {
    let data = json!({
        "user": "ann",
        "count": 3,
        "ratio": 1.5,
        "ok": true,
        "nothing": null,
        "list": [1],
        "address": { "City": "Ulm", "street": { "name": "Main" } },
        "when": "2026-02-07T15:04:05Z",
        "Query": { "room": "blue" },
        "Headers": { "X-Ms-Client-Principal-Id": "p1", "Empty": "" },
        "sys": { "MethodName": "negotiate", "UtcNow": "2026-02-07T15:04:05Z", "RandGuid": "eac00178-9aae-4a67-adc8-90596a9adc70" },
    });
    data.as_object().expect("an object").clone()
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(resolve(template, &settings(), &data(), Timestamp::now()).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn fails(template: &str, expected: &str) {
    assert_eq!(
        resolve(template, &settings(), &data(), Timestamp::now()).map_err(|error| error.to_string()),
        Err(expected.to_owned())
    );
}

#[test]
fn settings_are_put_in_by_name_without_regard_to_case() {
    check("%HUB%", "chat");
    check("%hub%", "chat");
    check("a-%HUB%-%HUB%-z", "a-chat-chat-z");
    check("%Nested:Name%", "deep");
    check("%Empty%", "");
    check("%Template%", "ann");
    check("plain", "plain");
    check("", "");
}

#[test]
fn a_setting_that_is_missing_fails_in_the_hosts_words() {
    fails("%NOPE%", "'%NOPE%' does not resolve to a value.");
    fails("%%", "'%%' does not resolve to a value.");
    fails("a%HUB", "The '%' at position 1 does not have a closing '%'");
    fails("%HUB%%", "The '%' at position 5 does not have a closing '%'");
    fails("é𝄞%x", "The '%' at position 3 does not have a closing '%'");
}

#[test]
fn binding_data_is_put_in_by_name_without_regard_to_case() {
    check("{user}", "ann");
    check("{USER}", "ann");
    check("users/{user}/{count}", "users/ann/3");
    check("{ratio}", "1.5");
    check("{ok}", "True");
    check("{address.city}", "Ulm");
    check("{Address.Street.NAME}", "Main");
    check("{query.room}", "blue");
    check("{headers.x-ms-client-principal-id}", "p1");
    check("{headers.empty}", "");
    check("{sys.methodname}", "negotiate");
    check("{when:yyyy/MM}", "2026-02-07T15:04:05Z");
    check("{user:x}", "ann");
}

#[test]
fn values_that_are_not_plain_become_nothing() {
    check("[{nothing}]", "[]");
    check("[{list}]", "[]");
    check("[{address}]", "[]");
}

#[test]
fn doubled_braces_stand_for_themselves() {
    check("{{user}}", "{user}");
    check("{{{user}}}", "{ann}");
    check("}}{{", "}{");
}

#[test]
fn a_value_that_is_missing_fails_in_the_hosts_words() {
    fails("{nobody}", "No value for named parameter 'nobody'.");
    fails("{nobody.name}", "No value for named parameter 'nobody'.");
    fails("{headers.x-none}", "Error while accessing 'x-none': property doesn't exist.");
    fails("{query.none}", "Error while accessing 'none': property doesn't exist.");
    fails("{address.street.none}", "Error while accessing 'none': property doesn't exist.");
    fails("{user.name}", "Error while accessing 'name': property doesn't exist.");
}

#[test]
fn a_broken_template_fails_in_the_hosts_words() {
    fails("{user", "Invalid template '{user'. Missing closing bracket at position 1.");
    fails("user}", "Invalid template 'user}'. Missing opening bracket at position 5.");
    fails("{a{user}", "Invalid template '{a{user}'. Missing closing bracket at position 1.");
    fails("ab{}", "Invalid template 'ab{}'. The parameter name at position 3 is empty.");
    fails("{x-user}", "Invalid template '{x-user}'. The parameter name 'x-user' is invalid.");
    fails("{1st}", "Invalid template '{1st}'. Invalid template expression '1st");
    fails("{a b}", "Invalid template '{a b}'. Invalid template expression 'a b");
}

#[test]
fn a_random_guid_is_new_each_time_and_has_the_asked_form() {
    let text = |template: &str| resolve(template, &settings(), &Map::new(), Timestamp::now()).expect(template);
    assert_ne!(text("{rand-guid}"), text("{rand-guid}"));
    assert_ne!(text("{sys.randguid}"), text("{sys.randguid}"));
    assert_eq!(text("{rand-guid}").len(), 36);
    assert_eq!(text("{RAND-GUID:N}").len(), 32);
    assert!(text("{rand-guid:B}").starts_with('{'));
    assert!(text("{rand-guid:P}").starts_with('('));
    assert!(text("{sys.randguid:N}").bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(resolve("{rand-guid:Q}", &settings(), &Map::new(), Timestamp::now()).is_err());
}

#[test]
fn the_date_expressions_stand_for_now_in_utc() {
    let now: Timestamp = "2026-02-07T15:04:05.5Z".parse().expect("a time");
    let check = |template: &str, expected: &str| {
        assert_eq!(bind(template, &Map::new(), now).as_deref(), Ok(expected), "{template}");
    };
    check("{datetime}", "2026-02-07T15-04-05Z");
    check("{DateTime:yyyy}", "2026");
    check("{datetime:HH:mm}", "15:04");
    check("{sys.utcnow}", "2026-02-07T15-04-05Z");
    check("{sys.utcnow:dd}", "07");
    let of_the_host = bind("{sys.utcnow:yyyy}", &data(), now);
    assert_eq!(of_the_host.as_deref(), Ok("2026"));
    assert_eq!(
        bind("{sys.none}", &Map::new(), now).map_err(|error| error.to_string()),
        Err("Error while accessing 'none': property doesn't exist.".to_owned())
    );
}

#[test]
fn binding_data_wins_over_a_built_in_name() {
    let data = json!({ "datetime": "mine" });
    let data = data.as_object().expect("an object");
    assert_eq!(resolve("{datetime}", &settings(), data, Timestamp::now()).as_deref(), Ok("mine"));

    let data = json!({ "sys": { "utcnow": "mine" } });
    let data = data.as_object().expect("an object");
    assert_eq!(resolve("{sys.utcnow}", &settings(), data, Timestamp::now()).as_deref(), Ok("mine"));
}

proptest::proptest! {
    #[test]
    fn no_template_makes_the_binder_fail(text in "[a-z{}%.:é𝄞'\"\\\\-]{0,24}") {
        let _ = resolve(&text, &settings(), &data(), Timestamp::now());
        let _ = resolve(&format!("{{datetime:{text}}}"), &settings(), &data(), Timestamp::now());
    }

    #[test]
    fn text_without_signs_stays_as_it_is(text in "[^{}%]{0,24}") {
        proptest::prop_assert_eq!(resolve(&text, &settings(), &data(), Timestamp::now()), Ok(text));
    }
}
