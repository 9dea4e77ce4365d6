//! `signalRConnectionInfo`, `signalRNegotiation` and `signalREndpoints`: where and with which token a client connects
//! (signalr-bindings 4.3 to 4.5).
//!
//! Easily missed: an empty user id is still a user id and goes into the token, and an id token is read without checking its
//! signature. A function that lets strangers name themselves lets them be anybody.

use std::time::SystemTime;

use azure_signalr::HubName;
use azure_signalr::token::{ClientToken, client_url};
use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::endpoints::{ServiceEndpoint, for_a_client};
use super::{BindingError, Context};
use crate::app::{InputBinding, SignalRConnectionInfoBinding};
use crate::warnings::{Warning, WarningCode};

/// The value of the binding, still to be encoded: indented JSON text for a connection info (functions-host 2.6), an object for
/// a negotiation, an array for endpoints.
///
/// # Errors
/// When an expression has no value, the connection is missing or unusable, or the id token is malformed.
pub(crate) fn value(binding: &InputBinding, context: Context<'_>) -> Result<Value, BindingError> {
    match binding {
        InputBinding::SignalRConnectionInfo(binding) => {
            let (client, endpoints) =
                (client(binding, context)?, context.endpoints(&binding.connection_string_setting)?);
            let info = client.connect_to(for_a_client(&endpoints)?)?;
            Ok(Value::String(format!("{info:#}")))
        }
        InputBinding::SignalRNegotiation(binding) => {
            let client = client(binding, context)?;
            let with_info = |endpoint: &ServiceEndpoint| {
                let mut json = endpoint.to_json();
                json["connectionInfo"] = client.connect_to(endpoint)?;
                Ok(json)
            };
            let endpoints = context.endpoints(&binding.connection_string_setting)?;
            let endpoints = endpoints.iter().map(with_info).collect::<Result<Vec<_>, BindingError>>()?;
            Ok(json!({"endpoints": endpoints}))
        }
        InputBinding::SignalREndpoints(binding) => {
            context.hub(&binding.hub_name)?;
            let endpoints = context.endpoints(&binding.connection_string_setting)?;
            Ok(endpoints.iter().map(ServiceEndpoint::to_json).collect())
        }
    }
}

/// Who wants to connect, wherever to.
struct Client {
    hub: HubName,
    token: ClientToken,
    now: SystemTime,
}

impl Client {
    /// Address and token for one service.
    fn connect_to(&self, endpoint: &ServiceEndpoint) -> Result<Value, BindingError> {
        let connection = &endpoint.connection;
        let access_token = self.token.sign(connection, self.now).map_err(|error| error.to_string())?;
        Ok(json!({"url": client_url(connection, &self.hub), "accessToken": access_token}))
    }
}

fn client(binding: &SignalRConnectionInfoBinding, context: Context<'_>) -> Result<Client, BindingError> {
    let hub = context.hub(&binding.hub_name)?;
    let user_id = binding.user_id.as_deref().map(|text| context.resolve(text)).transpose()?;
    if user_id.as_deref() == Some("") {
        let note = "`userId` is empty, so the client gets a token for the user whose id is the empty text; leave `userId` out for \
                    clients without a user";
        context.notes.add(Warning::new(WarningCode::EmptyUserId, note));
    }
    let id_token = binding.id_token.as_deref().map(|text| context.resolve(text)).transpose()?;
    let mut token = ClientToken::new(&hub).user_id(user_id.as_deref());
    for (name, value) in
        id_token.as_deref().map_or(Ok(Vec::new()), |id_token| claims(id_token, &binding.claim_type_list))?
    {
        token = token.claim(name, value);
    }
    Ok(Client { hub, token, now: context.clock.system_time() })
}

/// The listed claims of a token, whose signature nobody checks. An array claim gives one claim per element.
fn claims(id_token: &str, listed: &[String]) -> Result<Vec<(String, Value)>, BindingError> {
    if id_token.is_empty() || listed.is_empty() {
        return Ok(Vec::new());
    }
    let payload = read_payload(id_token).ok_or_else(|| {
        "IDX12709: CanReadToken() returned false. JWT is not well formed.; give `idToken` a whole JSON web token"
            .to_owned()
    })?;
    let listed_claims = payload.into_iter().filter(|(name, _)| listed.contains(name));
    Ok(listed_claims
        .flat_map(|(name, value)| one_per_element(value).into_iter().map(move |v| (name.clone(), v)))
        .collect())
}

fn one_per_element(value: Value) -> Vec<Value> {
    let values = if let Value::Array(values) = value { values } else { vec![value] };
    // A claim is text to .NET.
    values.into_iter().map(|value| if value.is_string() { value } else { Value::String(value.to_string()) }).collect()
}

fn read_payload(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::app::{Settings, SignalREndpointsBinding};
    use crate::bindings::Notes;
    use crate::bindings::endpoints::NamedEndpoints;
    use crate::clock::VirtualClock;
    use crate::encoding::{InputValue, encode};
    use crate::invocation::{BindingData, Sys};

    const CONNECTION: &str =
        "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

    fn binding() -> SignalRConnectionInfoBinding {
        SignalRConnectionInfoBinding {
            name: "connectionInfo".to_owned(),
            hub_name: "%HUB%".to_owned(),
            connection_string_setting: "AzureSignalRConnectionString".to_owned(),
            user_id: None,
            id_token: None,
            claim_type_list: Vec::new(),
        }
    }

    fn info(binding: &SignalRConnectionInfoBinding, binding_data: &Value) -> Result<Value, BindingError> {
        value_of(&InputBinding::SignalRConnectionInfo(binding.clone()), binding_data)
    }

    fn value_of(binding: &InputBinding, binding_data: &Value) -> Result<Value, BindingError> {
        let variables = [("HUB", "Serverless"), ("AzureSignalRConnectionString", CONNECTION)];
        let settings = Settings::from_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let sys = Sys { method_name: "f".to_owned(), utc_now: Timestamp::UNIX_EPOCH, rand_guid: Uuid::nil() };
        let binding_data = BindingData::of_values(binding_data.as_object().unwrap().clone(), sys);
        let clock = VirtualClock::starting_at("2023-11-14T22:13:20Z".parse().unwrap()).clock();
        let named = NamedEndpoints::of(&settings);
        value(binding, Context::new(&settings, &named, &binding_data, &Notes::default(), &clock))
    }

    fn payload(binding: &SignalRConnectionInfoBinding, binding_data: &Value) -> Map<String, Value> {
        let text = info(binding, binding_data).unwrap();
        let info: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        read_payload(info["accessToken"].as_str().unwrap()).unwrap()
    }

    fn unsigned(claims: &Value) -> String {
        let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
    }

    #[test]
    fn the_value_is_indented_text_with_two_keys_in_their_order() {
        let text = info(&binding(), &json!({})).unwrap();
        let start = "{\n  \"url\": \"http://localhost:8888/client/?hub=serverless\",\n  \"accessToken\": \"ey";
        assert!(text.as_str().unwrap().starts_with(start), "{text}");
        assert!(text.as_str().unwrap().ends_with("\"\n}"), "{text}");
    }

    #[test]
    fn a_negotiation_is_an_object_with_the_one_endpoint() {
        let mut value = value_of(&InputBinding::SignalRNegotiation(binding()), &json!({})).unwrap();
        let info = value["endpoints"][0]["connectionInfo"].take();
        assert_eq!(info["url"], "http://localhost:8888/client/?hub=serverless");
        assert_eq!(read_payload(info["accessToken"].as_str().unwrap()).unwrap()["exp"], 1_700_003_600);
        let expected = r#"{"endpoints":[{"endpointType":"Primary","name":"","endpoint":"http://localhost:8888","online":true,"connectionInfo":null}]}"#;
        assert_eq!(encode(&InputValue::Json(value)).to_string(), expected);
    }

    #[test]
    fn endpoints_arrive_as_a_string_that_holds_an_array() {
        let endpoints = |setting: &str| {
            let binding = SignalREndpointsBinding {
                name: "endpoints".to_owned(),
                hub_name: "%HUB%".to_owned(),
                connection_string_setting: setting.to_owned(),
            };
            value_of(&InputBinding::SignalREndpoints(binding), &json!({}))
        };
        let value = encode(&InputValue::Json(endpoints("AzureSignalRConnectionString").unwrap()));
        let expected = r#"[{"endpointType":"Primary","name":"","endpoint":"http://localhost:8888","online":true}]"#;
        assert_eq!(value, json!(expected));
        assert!(endpoints("Other").is_err());
    }

    #[test]
    fn the_token_is_for_one_hub_and_one_hour() {
        let payload = payload(&binding(), &json!({}));
        assert_eq!(payload["aud"], "http://localhost/client/?hub=serverless");
        assert_eq!(payload["exp"], 1_700_003_600);
        assert_eq!(payload.get("asrs.s.uid"), None);
    }

    #[test]
    fn a_user_id_comes_from_an_expression_and_may_be_empty() {
        let binding = SignalRConnectionInfoBinding { user_id: Some("{headers.x-user}".to_owned()), ..binding() };
        assert_eq!(payload(&binding, &json!({"headers": {"X-User": "alice"}}))["asrs.s.uid"], "alice");
        assert_eq!(payload(&binding, &json!({"headers": {"X-User": ""}}))["asrs.s.uid"], "");
    }

    #[test]
    fn a_missing_header_fails_with_the_real_text() {
        let user_id = Some("{headers.x-ms-client-principal-id}".to_owned());
        let binding = SignalRConnectionInfoBinding { user_id, ..binding() };
        assert_eq!(
            info(&binding, &json!({"headers": {}})),
            Err("Error while accessing 'x-ms-client-principal-id': property doesn't exist.".to_owned())
        );
    }

    #[test]
    fn a_missing_connection_fails_with_the_extensions_text() {
        let binding = SignalRConnectionInfoBinding { connection_string_setting: "Other".to_owned(), ..binding() };
        let error = info(&binding, &json!({})).unwrap_err();
        assert!(error.starts_with("The SignalR Service connection string or endpoints are not set."), "{error}");
    }

    #[test]
    fn only_listed_claims_of_the_id_token_are_copied() {
        let binding = SignalRConnectionInfoBinding {
            id_token: Some("{headers.token}".to_owned()),
            claim_type_list: vec!["role".to_owned(), "level".to_owned()],
            ..binding()
        };
        let token = unsigned(&json!({"role": ["a", "b"], "level": 5, "secret": "x"}));
        let payload = payload(&binding, &json!({"headers": {"token": token}}));
        assert_eq!(payload["role"], json!(["a", "b"]));
        assert_eq!(payload["level"], "5");
        assert_eq!(payload.get("secret"), None);
    }

    #[test]
    fn an_id_token_without_a_list_is_not_even_read_but_a_malformed_one_with_a_list_fails() {
        let not_listed = SignalRConnectionInfoBinding { id_token: Some("nonsense".to_owned()), ..binding() };
        assert!(info(&not_listed, &json!({})).is_ok());
        let listed = SignalRConnectionInfoBinding { claim_type_list: vec!["role".to_owned()], ..not_listed };
        assert!(info(&listed, &json!({})).unwrap_err().contains("JWT is not well formed"));
    }
}
