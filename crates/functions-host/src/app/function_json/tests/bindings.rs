//! Bindings: what each becomes, and every error text.

use http::Method;

use super::{Fault, FunctionState, REQUEST, RESPONSE, bundle, read, read_in, refuses, with};
use crate::app::{
    AuthLevel, ClientEvent, DataType, HttpTrigger, InputBinding, OutputBinding, SignalRConnectionInfoBinding,
    SignalREndpointsBinding, SignalROutputBinding, SignalRTrigger, Trigger,
};

/// The one HTTP trigger of a function with these further properties.
#[track_caller]
fn http(properties: &str) -> HttpTrigger {
    let binding = format!(r#"{{ "type": "httpTrigger", "name": "req"{properties} }}"#);
    match with(&[&binding]).unwrap().trigger {
        Trigger::Http(trigger) => trigger,
        Trigger::Timer(_) | Trigger::SignalR(_) => panic!("an HTTP trigger"),
    }
}

#[test]
fn a_negotiate_function_is_read() {
    let function = with(&[
        r#"{ "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": ["get", "post"] }"#,
        r#"{ "type": "signalRConnectionInfo", "direction": "in", "name": "connectionInfo", "hubName": "%HUB%",
             "userId": "{headers.x-ms-client-principal-id}", "idToken": "{query.token}", "claimTypeList": ["name", "roles"],
             "connectionStringSetting": "Other" }"#,
        RESPONSE,
    ])
    .unwrap();
    assert_eq!(function.name, "f");
    assert_eq!(function.state, FunctionState::Enabled);
    assert!(!function.is_pure_http());
    let expected = SignalRConnectionInfoBinding {
        name: "connectionInfo".to_owned(),
        hub_name: "%HUB%".to_owned(),
        connection_string_setting: "Other".to_owned(),
        user_id: Some("{headers.x-ms-client-principal-id}".to_owned()),
        id_token: Some("{query.token}".to_owned()),
        claim_type_list: vec!["name".to_owned(), "roles".to_owned()],
    };
    assert_eq!(function.inputs, [InputBinding::SignalRConnectionInfo(expected)]);
    assert_eq!(function.outputs, [OutputBinding::Http { name: "res".to_owned() }]);
}

#[test]
fn the_other_signalr_inputs_are_read_alike() {
    let input = |kind: &str| {
        let binding =
            format!(r#"{{ "type": "{kind}", "direction": "in", "name": "i", "hubName": "h", "userId": "u" }}"#);
        with(&[REQUEST, &binding, RESPONSE]).map(|function| function.inputs.into_iter().next().expect("an input"))
    };
    let connection_string_setting = "AzureSignalRConnectionString".to_owned();
    let negotiation = SignalRConnectionInfoBinding {
        name: "i".to_owned(),
        hub_name: "h".to_owned(),
        connection_string_setting: connection_string_setting.clone(),
        user_id: Some("u".to_owned()),
        id_token: None,
        claim_type_list: Vec::new(),
    };
    assert_eq!(input("SignalRNegotiation"), Ok(InputBinding::SignalRNegotiation(negotiation)));
    let endpoints =
        SignalREndpointsBinding { name: "i".to_owned(), hub_name: "h".to_owned(), connection_string_setting };
    assert_eq!(input("signalrendpoints"), Ok(InputBinding::SignalREndpoints(endpoints)));
    let out = r#"{ "type": "signalREndpoints", "direction": "out", "name": "i", "hubName": "h" }"#;
    assert!(with(&[REQUEST, out]).unwrap_err().ends_with("must have the direction 'in'."));
}

#[test]
fn types_and_properties_ignore_letter_case_and_connection_is_ignored() {
    let function = with(&[
        r#"{ "Type": "HTTPTRIGGER", "Direction": "IN", "Name": "req", "AuthLevel": "Anonymous", "METHODS": ["PUT"] }"#,
        r#"{ "TYPE": "signalr", "DIRECTION": "Out", "NAME": "$return", "HUBNAME": "chat", "connection": "Mine", "dataType": "String" }"#,
    ])
    .unwrap();
    let expected = SignalROutputBinding {
        name: "$return".to_owned(),
        hub_name: "chat".to_owned(),
        connection_string_setting: "AzureSignalRConnectionString".to_owned(),
        data_type: Some(DataType::String),
    };
    assert_eq!(function.outputs, [OutputBinding::SignalR(expected)]);
    assert!(matches!(function.trigger, Trigger::Http(trigger) if trigger.methods == [Method::PUT]));
}

#[test]
fn an_http_trigger_has_the_hosts_defaults() {
    let trigger = http("");
    assert_eq!((trigger.methods, trigger.auth_level, trigger.route.text()), (Vec::new(), AuthLevel::Function, "f"));
    assert_eq!(http(r#", "methods": null, "route": " ""#).route.text(), "f");
    assert_eq!(http(r#", "route": "/items/{id:int?}/""#).route.text(), "items/{id:int?}");
    for (text, expected) in [
        ("ANONYMOUS", AuthLevel::Anonymous),
        ("admin", AuthLevel::Admin),
        ("System", AuthLevel::System),
        ("user", AuthLevel::User),
    ] {
        assert_eq!(http(&format!(r#", "authLevel": "{text}""#)).auth_level, expected);
    }
}

#[test]
fn a_pure_http_function_has_nothing_but_its_request_and_its_response() {
    assert!(with(&[REQUEST, RESPONSE]).unwrap().is_pure_http());
    assert!(!with(&[REQUEST]).unwrap().is_pure_http());
}

#[test]
fn a_timer_is_read_with_its_schedule_from_settings() {
    let timer = |properties: &str| {
        let binding = format!(r#"{{ "type": "timerTrigger", "name": "timer", {properties} }}"#);
        with(&[&binding]).map(|function| match function.trigger {
            Trigger::Timer(timer) => (timer.schedule.to_string(), timer.run_on_startup, timer.use_monitor),
            Trigger::Http(_) | Trigger::SignalR(_) => panic!("a timer"),
        })
    };
    let every_five = "Cron: '0 0,5,10,15,20,25,30,35,40,45,50,55 * * * *'".to_owned();
    assert_eq!(timer(r#""schedule": "%SCHEDULE%""#), Ok((every_five.clone(), false, true)));
    assert_eq!(
        timer(r#""schedule": "0 */5 * * * *", "runOnStartup": true, "useMonitor": "false""#),
        Ok((every_five, true, false))
    );
    assert_eq!(timer(r#""schedule": "%NOPE%""#), Err("'%NOPE%' does not resolve to a value.".to_owned()));
    let expected = "The schedule expression '0 0 7' was not recognized as a valid cron expression or timespan string.";
    assert_eq!(timer(r#""schedule": "0 0 7""#), Err(expected.to_owned()));
    assert!(timer(r#""schedule": null"#).unwrap_err().starts_with("The timer 'timer' has no schedule"));
    let expected = "Unable to configure binding 'timer' of type 'timerTrigger'. This may indicate invalid function.json properties";
    assert_eq!(timer(r#""schedule": "* * * * * *", "runOnStartup": "often""#), Err(expected.to_owned()));
}

/// A function with one `signalRTrigger` of these properties.
fn signalr(properties: &str) -> Result<SignalRTrigger, String> {
    let binding = format!(r#"{{ "type": "signalRTrigger", "direction": "in", "name": "event", {properties} }}"#);
    with(&[&binding]).map(|function| match function.trigger {
        Trigger::SignalR(trigger) => trigger,
        Trigger::Http(_) | Trigger::Timer(_) => panic!("a signalRTrigger"),
    })
}

#[test]
fn a_signalr_trigger_is_read_with_its_names_from_settings() {
    let read =
        signalr(r#""hubName": "%HUB%", "category": "Messages", "event": "%METHOD%", "parameterNames": ["a", "b"]"#);
    let expected = SignalRTrigger {
        name: "event".to_owned(),
        hub_name: "Chat".to_owned(),
        event: ClientEvent::Called("SendMessage".to_owned()),
        parameter_names: vec!["a".to_owned(), "b".to_owned()],
        connection_string_setting: "AzureSignalRConnectionString".to_owned(),
    };
    assert_eq!(read, Ok(expected));
    let event =
        |event| signalr(&format!(r#""hubName": "h", "category": "CONNECTIONS", "event": "{event}""#)).unwrap().event;
    assert_eq!(event("Connected"), ClientEvent::Connected);
    assert_eq!(event("disconnected"), ClientEvent::Disconnected);
}

#[test]
fn a_signalr_trigger_that_cannot_be_has_the_extensions_words() {
    let refuses = |properties: &str, expected: &str| {
        let error = signalr(properties).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    };
    refuses(r#""hubName": "h", "category": "groups", "event": "x""#, "Category groups is not supported");
    refuses(r#""hubName": "h", "event": "x""#, "Category  is not supported");
    refuses(
        r#""hubName": "h", "category": "connections", "event": "left""#,
        "Event left is not supported in connections",
    );
    refuses(r#""hubName": "h", "category": "messages""#, "The signalRTrigger has no event;");
    refuses(r#""category": "messages", "event": "x""#, "The binding 'event' of type 'signalRTrigger' has no hubName;");
    refuses(r#""hubName": "%NOPE%", "category": "messages", "event": "x""#, "'%NOPE%' does not resolve to a value.");
    let messages = |more: &str| format!(r#""hubName": "h", "category": "messages", "event": "x", {more}"#);
    refuses(&messages(r#""parameterNames": ["a", "A"]"#), "Elements in ParameterNames should be ignore case unique.");
    refuses(&messages(r#""parameterNames": "a""#), "Unable to configure binding 'event' of type 'signalRTrigger'.");
}

#[test]
fn the_rules_of_bindings_have_the_hosts_words() {
    refuses(&[], "At least one binding must be declared.");
    assert_eq!(read("f", "{}"), Err("At least one binding must be declared.".to_owned()));
    assert_eq!(read("f", r#"{ "bindings": null }"#), Err("At least one binding must be declared.".to_owned()));
    assert_eq!(read("f", r#"{ "Bindings": [] }"#), Err("At least one binding must be declared.".to_owned()));
    refuses(&[RESPONSE], "No trigger binding specified. A function must have a trigger input binding.");
    refuses(
        &[r#"{ "type": "httpTrigger", "direction": "out", "name": "req" }"#],
        "No trigger binding specified. A function must have a trigger input binding.",
    );
    refuses(
        &[REQUEST, r#"{ "type": "timerTrigger", "name": "t", "schedule": "0 * * * * *" }"#],
        "Multiple trigger bindings defined. A function can only have a single trigger binding.",
    );
    refuses(
        &[REQUEST, r#"{ "type": "http", "direction": "out", "name": "REQ" }"#],
        "Multiple bindings with name 'REQ' discovered. Binding names must be unique.",
    );
    refuses(
        &[REQUEST, r#"{ "direction": "out", "name": "x" }"#],
        "Binding 'x' is invalid. Bindings must specify a Type.",
    );
    refuses(
        &[REQUEST, r#"{ "type": "http", "direction": "sideways", "name": "x" }"#],
        "'sideways' is not a valid binding direction.",
    );
    refuses(&[REQUEST, r#"{ "type": "http", "name": "x" }"#], "Http binding can only be used for output.");
}

#[test]
fn binding_names_are_letters_and_digits() {
    for name in ["", "1a", "a-b", "a_b", "a b", "return", "$result"].into_iter().filter(|name| *name != "return") {
        let binding = format!(r#"{{ "type": "http", "direction": "out", "name": "{name}" }}"#);
        refuses(
            &[REQUEST, &binding],
            &format!("The binding name {name} is invalid. Please assign a valid name to the binding."),
        );
    }
    refuses(
        &[REQUEST, r#"{ "type": "http", "direction": "out" }"#],
        "The binding name  is invalid. Please assign a valid name to the binding.",
    );
    refuses(
        &[r#"{ "type": "httpTrigger", "name": "$return" }"#],
        "$return bindings must specify a direction of 'out'.",
    );
    assert!(with(&[REQUEST, r#"{ "type": "http", "direction": "out", "name": "$RETURN" }"#]).is_ok());
}

#[test]
fn properties_that_cannot_be_used_have_the_hosts_words() {
    let misconfigured = |name: &str, kind: &str| {
        format!(
            "Unable to configure binding '{name}' of type '{kind}'. This may indicate invalid function.json properties"
        )
    };
    let trigger = |properties: &str| format!(r#"{{ "type": "httpTrigger", "name": "req", {properties} }}"#);
    for properties in [
        r#""methods": "get""#,
        r#""methods": [{}]"#,
        r#""methods": ["a b"]"#,
        r#""authLevel": "nobody""#,
        r#""route": []"#,
    ] {
        refuses(&[&trigger(properties)], &misconfigured("req", "httpTrigger"));
    }
    let output =
        |properties: &str| format!(r#"{{ "type": "signalR", "direction": "out", "name": "m", {properties} }}"#);
    refuses(&[REQUEST, &output(r#""hubName": {}"#)], &misconfigured("m", "signalR"));
    refuses(&[REQUEST, &output(r#""hubName": "h", "connectionStringSetting": []"#)], &misconfigured("m", "signalR"));
    let input = r#"{ "type": "signalRConnectionInfo", "name": "c", "hubName": "h", "claimTypeList": "name" }"#;
    refuses(&[REQUEST, input], &misconfigured("c", "signalRConnectionInfo"));
}

#[test]
fn a_hub_name_and_the_right_direction_are_needed() {
    let message = |bindings: &[&str]| with(bindings).unwrap_err();
    assert!(
        message(&[REQUEST, r#"{ "type": "signalR", "direction": "out", "name": "m" }"#]).contains("has no hubName")
    );
    assert!(
        message(&[REQUEST, r#"{ "type": "signalR", "name": "m", "hubName": "h" }"#])
            .ends_with("must have the direction 'out'.")
    );
    assert!(
        message(&[REQUEST, r#"{ "type": "signalRConnectionInfo", "direction": "out", "name": "m", "hubName": "h" }"#])
            .ends_with("must have the direction 'in'.")
    );
    assert!(message(&[REQUEST, r#"{ "type": "http", "direction": "inout", "name": "m" }"#]).contains("'inout'"));
}

#[test]
fn unknown_types_have_one_text_with_a_bundle_and_another_without() {
    let unknown = r#"{ "type": "teapot", "direction": "out", "name": "a" }"#;
    let more = r#"{ "type": "kettle", "name": "b" }"#;
    refuses(
        &[REQUEST, unknown, more, r#"{ "type": "teapot", "direction": "out", "name": "c" }"#],
        "The binding type(s) 'kettle, teapot' were not found in the configured extension bundle. Please ensure the type is correct and the correct version of extension bundle is configured",
    );
    let without_bundle = |bindings: &[&str]| {
        let text = format!(r#"{{ "bindings": [{}] }}"#, bindings.join(", "));
        read_in(None, "f", &text).map_err(|flaw| flaw.message)
    };
    let expected = "The binding type(s) 'teapot' are not registered. Please ensure the type is correct and the binding extension is installed.";
    assert_eq!(without_bundle(&[REQUEST, unknown]), Err(expected.to_owned()));
    let signalr = r#"{ "type": "signalR", "direction": "out", "name": "a", "hubName": "h" }"#;
    assert_eq!(without_bundle(&[REQUEST, signalr]), Err(expected.replace("teapot", "signalR")));
    assert!(without_bundle(&[REQUEST, RESPONSE]).is_ok());
}

#[test]
fn types_that_only_azure_runs_say_so() {
    refuses(
        &[r#"{ "type": "queueTrigger", "name": "q" }"#],
        "The binding type(s) 'queueTrigger' work in Azure but not in this local host.",
    );
    let fault = |kind: &str| {
        let text = format!(r#"{{ "bindings": [{{ "type": "{kind}", "name": "q" }}] }}"#);
        read_in(bundle(), "f", &text).unwrap_err().fault
    };
    assert_eq!(fault("queueTrigger"), Fault::LocalHost);
    assert_eq!(fault("teapotTrigger"), Fault::Declaration);
}
