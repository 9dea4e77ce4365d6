//! What the host sends for one invocation: `Data` by binding name, and `Metadata`.
//!
//! Inputs stay JSON text until somebody asks for them, where they lie in the body; most of an HTTP envelope (identities,
//! doubled headers) never is.

mod at_once;

use crate::http_request::place_of;
use crate::{HttpRequest, Misfit, TimerInfo, lenient};
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use at_once::AtOnce;

/// One invocation, as a Functions host posts it to `/{function}` (functions-host 2.2).
///
/// `Debug` shows the names of its inputs and no values.
pub struct Invocation {
    text: Arc<str>,
    /// Where each input lies in the text.
    inputs: Vec<(String, Range<usize>)>,
    /// Where the object with all of the metadata lies, if there is one.
    metadata: Option<Range<usize>>,
}

/// The envelope, read in place.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(borrow)]
    data: Inputs<'a>,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
}

struct Inputs<'a>(Vec<(String, &'a RawValue)>);

/// Why an invocation could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The caller is no Functions host, or sent half a body.
    #[error(
        "the request is not an invocation of a Functions host, which is an object `{{\"Data\":…,\"Metadata\":…}}`; call the function through the host"
    )]
    NotAnInvocation(#[source] Misfit),
    /// function.json does not declare the binding under this name.
    #[error("the invocation has no input `{name}`; it has {}; the name must be the one in function.json", listed(.present))]
    NoSuchInput {
        /// The name that was asked for.
        name: String,
        /// The names that are there.
        present: Vec<String>,
    },
    /// The input is there and has another form than was asked for.
    #[error("the input `{name}` has an unexpected form")]
    UnexpectedForm {
        /// The name of the input.
        name: String,
        /// What did not fit. Never the value: it may be a token.
        #[source]
        source: Misfit,
    },
}

impl Invocation {
    /// Reads the body of the host's request.
    ///
    /// # Errors
    /// [`InvocationError::NotAnInvocation`] when it is not an object with `Data` and `Metadata`.
    pub fn parse(body: &[u8]) -> Result<Self, InvocationError> {
        let text = str::from_utf8(body).map_err(|_| serde_json::Error::custom("not UTF-8"));
        text.and_then(Self::read).map_err(|error| InvocationError::NotAnInvocation(error.into()))
    }

    /// Reads the body of the host's request and the HTTP request in it, in one pass where hosts write it as they do today; `name` is the
    /// name of the `httpTrigger` binding. The request is no input of the invocation then.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse) and [`http_request`](Self::http_request).
    pub fn parse_with_request(body: &[u8], name: &str) -> Result<(Self, HttpRequest), InvocationError> {
        let read = |text| Self::read_at_once(text, name);
        if let Some(both) = str::from_utf8(body).ok().and_then(read) {
            return Ok(both);
        }
        let mut invocation = Self::parse(body)?;
        let request = invocation.http_request(name)?;
        invocation.inputs.retain(|(found, _)| found != name);
        Ok((invocation, request))
    }

    fn read_at_once(text: &str, name: &str) -> Option<(Self, HttpRequest)> {
        let AtOnce { request, inputs, metadata } = at_once::read(text, name)?;
        let kept = text.into();
        let request = HttpRequest::found(request, text, &kept).ok()?;
        Some((Self::found(text, kept, inputs, metadata).ok()?, request))
    }

    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let Wire { data: Inputs(inputs), metadata } = serde_json::from_str(text)?;
        Self::found(text, text.into(), inputs, metadata)
    }

    /// What was found in `text`, which is kept.
    fn found(
        text: &str,
        kept: Arc<str>,
        inputs: Vec<(String, &RawValue)>,
        metadata: Option<&RawValue>,
    ) -> Result<Self, serde_json::Error> {
        if metadata.is_some_and(|metadata| !metadata.get().starts_with('{')) {
            return Err(serde_json::Error::custom("`Metadata` is no object"));
        }
        let place = |value: &RawValue| place_of(text, value.get());
        Ok(Self {
            text: kept,
            inputs: inputs.into_iter().map(|(name, value)| (name, place(value))).collect(),
            metadata: metadata.map(place),
        })
    }

    /// The HTTP request that triggered the invocation; `name` is the name of the `httpTrigger` binding.
    ///
    /// # Errors
    /// When there is no such input, or it is no HTTP request.
    pub fn http_request(&self, name: &str) -> Result<HttpRequest, InvocationError> {
        let place = self.place(name)?;
        HttpRequest::read(&self.text, place).map_err(|error| unexpected(name, error))
    }

    /// The timer that triggered the invocation; `name` is the name of the `timerTrigger` binding.
    ///
    /// # Errors
    /// When there is no such input, or it is no timer.
    pub fn timer(&self, name: &str) -> Result<TimerInfo, InvocationError> {
        self.input(name)
    }

    /// Any other input, for example that of a `signalRConnectionInfo` binding, which the host encodes twice.
    ///
    /// # Errors
    /// When there is no such input, or no layer of its encoding is a `T`.
    pub fn input<T: DeserializeOwned>(&self, name: &str) -> Result<T, InvocationError> {
        let place = self.place(name)?;
        lenient::read(&self.text[place]).map_err(|error| unexpected(name, error))
    }

    /// A value of the trigger's metadata, such as a route parameter; `None` when it is absent or no `T`.
    pub fn metadata<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let metadata = self.text.get(self.metadata.clone()?)?;
        let metadata: BTreeMap<String, &RawValue> = serde_json::from_str(metadata).ok()?;
        lenient::read(metadata.get(name)?.get()).ok()
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.inputs.iter().map(|(name, _)| name)
    }

    fn place(&self, name: &str) -> Result<Range<usize>, InvocationError> {
        let input = self.inputs.iter().find(|(found, _)| found == name);
        input.map(|(_, place)| place.clone()).ok_or_else(|| InvocationError::NoSuchInput {
            name: name.to_owned(),
            present: self.names().cloned().collect(),
        })
    }
}

fn unexpected(name: &str, error: serde_json::Error) -> InvocationError {
    InvocationError::UnexpectedForm { name: name.to_owned(), source: error.into() }
}

impl<'de: 'a, 'a> Deserialize<'de> for Inputs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Inputs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the inputs")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Inputs<'de>, A::Error> {
                let mut inputs = Vec::new();
                while let Some(input) = members.next_entry()? {
                    inputs.push(input);
                }
                Ok(Inputs(inputs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("inputs", &self.names().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct ConnectionInfo {
        url: String,
        access_token: String,
    }

    #[test]
    fn the_recorded_http_envelope_is_read() {
        let invocation =
            Invocation::parse(include_bytes!("../fixtures/http_invocation_functions-host_2.4.json")).unwrap();
        let request = invocation.http_request("req").unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.url(), "http://localhost:7071/api/use/test");
        assert_eq!(request.header("user-agent"), Some("Mozilla/5.0"));
        assert_eq!(request.parameter("name"), Some("test"));
        assert_eq!(request.body(), None);
        assert_eq!(invocation.metadata::<String>("name").as_deref(), Some("test"));
    }

    /// What there is to know of an invocation and its request, or the error.
    type Known = Result<(Vec<String>, Option<String>, [Option<String>; 3]), String>;

    fn known(read: Result<(Invocation, HttpRequest), InvocationError>) -> Known {
        let (invocation, request) = read.map_err(|error| error.to_string())?;
        let names = invocation.names().filter(|name| *name != "req").cloned().collect();
        let metadata = invocation.metadata::<String>("name");
        let request = [Some(request.method()), request.header("a"), request.body()];
        Ok((names, metadata, request.map(|text| text.map(str::to_owned))))
    }

    #[test]
    fn at_once_the_same_is_read_as_one_after_the_other() {
        let request = r#"{"Method":"PUT","Headers":{"a":["1"]},"Query":{},"Body":"b\n","More":[{}]}"#;
        let envelope =
            |req: &str| format!(r#"{{"Data":{{"x":"\"1\"","req":{req}}},"More":1,"Metadata":{{"name":"n"}}}}"#);
        let whole = envelope(request);
        let wrapped = envelope(&serde_json::to_string(request).unwrap());
        let refused = [
            envelope(r#"["u","PUT",{},{},{},"b"]"#),
            envelope(r#"{"Method":1}"#),
            envelope("null"),
            whole.replace("\"req\"", "\"other\""),
            whole.replace(r#"{"name":"n"}"#, "[]"),
            format!("{whole}x"),
            whole.replace("\"More\":1", "\"Data\":{}"),
        ];
        for body in [whole.clone(), wrapped].into_iter().chain(refused) {
            let at_once = known(Invocation::parse_with_request(body.as_bytes(), "req"));
            let one_after_the_other = Invocation::parse(body.as_bytes())
                .and_then(|invocation| invocation.http_request("req").map(|request| (invocation, request)));
            assert_eq!(at_once, known(one_after_the_other), "{body}");
        }
        let text = |text: &str| Some(text.to_owned());
        let expected = (vec!["x".to_owned()], text("n"), [text("PUT"), text("1"), text("b\n")]);
        assert_eq!(known(Invocation::parse_with_request(whole.as_bytes(), "req")), Ok(expected));
    }

    #[test]
    fn the_request_is_no_input_of_its_own_then() {
        for req in ["{}", r#""{}""#] {
            let body = format!(r#"{{"Data":{{"req":{req},"x":1}}}}"#);
            let (invocation, _) = Invocation::parse_with_request(body.as_bytes(), "req").unwrap();
            assert_eq!(format!("{invocation:?}"), r#"Invocation { inputs: ["x"], .. }"#);
        }
    }

    #[test]
    fn connection_info_is_read_through_both_layers() {
        let invocation =
            Invocation::parse(include_bytes!("../fixtures/negotiate_invocation_signalr-bindings_4.5.json")).unwrap();
        let expected = ConnectionInfo {
            url: "http://localhost:8888/client/?hub=serverless".to_owned(),
            access_token: "T".to_owned(),
        };
        assert_eq!(invocation.input::<ConnectionInfo>("connectionInfo").unwrap(), expected);
    }

    #[test]
    fn a_timer_is_read() {
        let invocation =
            Invocation::parse(include_bytes!("../fixtures/timer_invocation_functions-host_2.5.json")).unwrap();
        let timer = invocation.timer("myTimer").unwrap();
        assert!(!timer.is_past_due);
        assert_eq!(timer.schedule_status.unwrap().next.as_deref(), Some("2022-10-11T10:53:00+02:00"));
    }

    #[test]
    fn a_missing_input_is_named_together_with_those_present() {
        let invocation = Invocation::parse(br#"{"Data":{"req":{}},"Metadata":{}}"#).unwrap();
        let error = invocation.input::<ConnectionInfo>("connectionInfo").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the invocation has no input `connectionInfo`; it has `req`; the name must be the one in function.json"
        );
    }

    #[track_caller]
    fn check_kept_secret(error: &InvocationError, expected_cause: &str) {
        let cause = std::error::Error::source(error).unwrap().to_string();
        assert_eq!(cause, expected_cause);
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn an_input_of_another_form_is_not_repeated_because_it_may_be_a_token() {
        let body = br#"{"Data":{"connectionInfo":"eyJ-secret-token","info":"{\"url\":{\"eyJ-secret\":1}}"}}"#;
        let invocation = Invocation::parse(body).unwrap();
        let read = |name| invocation.input::<ConnectionInfo>(name).unwrap_err();
        check_kept_secret(&read("connectionInfo"), "JSON of another shape at line 1 column 18");
        check_kept_secret(&read("info"), "JSON of another shape at line 1 column 7");
        assert!(!format!("{invocation:?}").contains("secret"), "{invocation:?}");
    }

    #[test]
    fn a_body_that_is_no_invocation_is_not_repeated_either() {
        let refused = |body: &str| Invocation::parse(body.as_bytes()).unwrap_err();
        check_kept_secret(&refused(r#""eyJ-secret-token""#), "JSON of another shape at line 1 column 18");
        check_kept_secret(&refused("eyJ-secret-token"), "not JSON at line 1 column 1");
        check_kept_secret(&refused(r#"{"Data":"eyJ-secret"#), "JSON that ends too early at line 1 column 19");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let half = "{\"Data\":{\"req\":{}}";
        for body in ["", "null", "[]", "\"x\"", "{\"Data\":1}", half, "{\"Data\":{},\"Metadata\":1}"] {
            assert!(Invocation::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Invocation::parse(b"{\"Data\":{\"req\":\"\xff\"}}").is_err());
    }
}
