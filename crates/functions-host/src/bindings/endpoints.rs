//! The SignalR services of an app: the one of a binding's setting, and those of `Azure__SignalR__Endpoints` (signalr-bindings 8.2, 8.3).
//!
//! Easily missed: the named ones join the service of *every* binding, and with more than one of them every call fails unless
//! `AzureSignalRServiceTransportType` is `Persistent`.

use azure_signalr::ConnectionString;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::BindingError;
use crate::app::Settings;
use crate::members::{Members, as_string};

/// What the extension says in Transient mode, its default. The blanks are what it makes of two lists.
pub(crate) const NOT_IMPLEMENTED: &str = "Multiple service endpoints are set via  or Microsoft.Azure.SignalR.ServiceEndpoint[], but \
                                          multiple service endpoints in transient mode are not implemented yet.";
const NO_PRIMARY: &str = "No primary endpoint defined.";

/// A SignalR service of the app.
#[derive(Debug, Clone)]
pub(crate) struct ServiceEndpoint {
    /// Empty for that of a plain setting.
    name: String,
    kind: EndpointType,
    pub(crate) connection: ConnectionString,
}

/// Whether clients are sent there, or only while no primary one is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndpointType {
    Primary,
    Secondary,
}

/// `Azure__SignalR__Endpoints` of an app, in the order of the settings. Most apps have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamedEndpoints {
    /// Each read, or why it cannot be used.
    list: Vec<Result<ServiceEndpoint, BindingError>>,
    transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Transport {
    #[default]
    Transient,
    Persistent,
}

impl EndpointType {
    fn name(self) -> &'static str {
        match self {
            EndpointType::Primary => "Primary",
            EndpointType::Secondary => "Secondary",
        }
    }
}

impl NamedEndpoints {
    /// Reads the settings.
    pub(crate) fn of(settings: &Settings) -> NamedEndpoints {
        let is_persistent = settings.get("AzureSignalRServiceTransportType") == Some("Persistent");
        let transport = if is_persistent { Transport::Persistent } else { Transport::Transient };
        let values = settings.section("Azure:SignalR:Endpoints");
        let list = values.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(path, value)| read(path, value));
        NamedEndpoints { list: list.collect(), transport }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All services of a binding whose setting this is: the named ones, and then that of the setting.
    ///
    /// # Errors
    /// When there is none, none is primary, or one cannot be read, in the extension's words where it has any.
    pub(crate) fn with(&self, settings: &Settings, setting: &str) -> Result<Vec<ServiceEndpoint>, BindingError> {
        if self.is_empty() {
            return super::connection(settings, setting).map(|connection| vec![ServiceEndpoint::plain(connection)]);
        }
        let mut endpoints: Vec<ServiceEndpoint> = Vec::new();
        let plain = settings.connection_string(setting).is_some().then(|| super::connection(settings, setting));
        for endpoint in self.list.iter().cloned().chain(plain.map(|plain| plain.map(ServiceEndpoint::plain))) {
            let endpoint = endpoint?;
            match endpoints.iter_mut().find(|known| known.address() == endpoint.address()) {
                // The same service twice keeps the primary one.
                Some(known) if known.kind == EndpointType::Secondary => *known = endpoint,
                Some(_) => {}
                None => endpoints.push(endpoint),
            }
        }
        if endpoints.iter().any(|endpoint| endpoint.kind == EndpointType::Primary) {
            Ok(endpoints)
        } else {
            Err(NO_PRIMARY.to_owned())
        }
    }

    /// The same, for calls to them.
    ///
    /// # Errors
    /// Also when there are several and the transport is not `Persistent`.
    pub(crate) fn callable(&self, settings: &Settings, setting: &str) -> Result<Vec<ServiceEndpoint>, BindingError> {
        let endpoints = self.with(settings, setting)?;
        if endpoints.len() > 1 && self.transport == Transport::Transient {
            return Err(NOT_IMPLEMENTED.to_owned());
        }
        Ok(endpoints)
    }
}

impl ServiceEndpoint {
    fn plain(connection: ConnectionString) -> ServiceEndpoint {
        ServiceEndpoint { name: String::new(), kind: EndpointType::Primary, connection }
    }

    fn address(&self) -> &str {
        self.connection.endpoint().as_str().trim_end_matches('/')
    }

    /// As `signalREndpoints` lists it. Nobody asks the service for its health here, so it is online.
    pub(crate) fn to_json(&self) -> Value {
        json!({"endpointType": self.kind.name(), "name": self.name, "endpoint": self.address(), "online": true})
    }

    fn is_meant_by(&self, wanted: &Members) -> bool {
        let text = |name: &str| wanted.get_ignoring_case(name).and_then(as_string).unwrap_or_default();
        self.name == text("name")
            && self.address().eq_ignore_ascii_case(text("endpoint").trim_end_matches('/'))
            && self.kind.name().eq_ignore_ascii_case(&text("endpointType"))
    }
}

/// Where a client is sent: one of the primary services, any of them.
pub(crate) fn for_a_client(endpoints: &[ServiceEndpoint]) -> Result<&ServiceEndpoint, BindingError> {
    let primary: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.kind == EndpointType::Primary).collect();
    // Which one does not matter, as long as it is not always the same.
    let place = Uuid::new_v4().as_fields().0 as usize % primary.len().max(1);
    primary.get(place).copied().ok_or_else(|| NO_PRIMARY.to_owned())
}

/// Where an item of an output goes, by place: to all services, or to those that it names.
pub(crate) fn of_item(endpoints: &[ServiceEndpoint], item: &RawValue) -> Vec<usize> {
    let members = Members::read(item.get());
    let named = members.as_ref().and_then(|members| members.get_ignoring_case("endpoints"));
    let wanted: Option<Vec<Members>> = named.and_then(|named| serde_json::from_str(named.get()).ok());
    let is_meant = |endpoint: &ServiceEndpoint| {
        wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| endpoint.is_meant_by(wanted)))
    };
    (0..endpoints.len()).filter(|place| is_meant(&endpoints[*place])).collect()
}

/// One of the settings below the section; `None` for what describes an identity further.
fn read(path: &str, value: &str) -> Option<Result<ServiceEndpoint, BindingError>> {
    let (name, property) = path.split_once(':').unwrap_or((path, "primary"));
    let kind = match property.to_ascii_lowercase().as_str() {
        "primary" => EndpointType::Primary,
        "secondary" => EndpointType::Secondary,
        "serviceuri" => {
            return Some(Err(format!(
                "the endpoint `{name}` of `Azure__SignalR__Endpoints` stands for an identity, and this host gets no token for one; \
                 give it a connection string with an access key"
            )));
        }
        _ => return None,
    };
    let connection = value.parse::<ConnectionString>();
    Some(match connection {
        Ok(connection) => Ok(ServiceEndpoint { name: name.to_owned(), kind, connection }),
        Err(error) => Err(format!("the endpoint `{name}` of `Azure__SignalR__Endpoints`: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> String {
        format!("Endpoint=http://{host};AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;")
    }

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_variables(variables.iter().map(|(name, host)| {
            let value = if host.is_empty() || *host == "Persistent" { (*host).to_owned() } else { at(host) };
            ((*name).to_owned(), value)
        }))
    }

    /// The services as `type name address`, or why there are none.
    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<&[&str], &str>) {
        let settings = settings(variables);
        let found = NamedEndpoints::of(&settings).with(&settings, "S");
        let found = found.map(|endpoints| {
            let text = |endpoint: &ServiceEndpoint| {
                format!("{} {} {}", endpoint.kind.name(), endpoint.name, endpoint.address())
            };
            endpoints.iter().map(text).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{variables:?}"),
            (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    const SECTION: &str = "Azure__SignalR__Endpoints";

    #[test]
    fn named_services_join_the_one_of_the_setting() {
        let named = |rest: &str| format!("{SECTION}__{rest}");
        let (east, west) = (named("east"), named("west__secondary"));
        check(&[("S", "a")], Ok(&["Primary  http://a"]));
        check(&[], Err("The SignalR Service connection string or endpoints are not set."));
        check(&[("S", "a"), (&east, "b")], Ok(&["Primary east http://b", "Primary  http://a"]));
        check(&[(&east, "b")], Ok(&["Primary east http://b"]));
        check(&[("S", ""), (&east, "b"), (&west, "c")], Ok(&["Primary east http://b", "Secondary west http://c"]));
        check(&[(&west, "c")], Err(NO_PRIMARY));
        check(&[("S", "c"), (&west, "c")], Ok(&["Primary  http://c"]));
        check(&[("S", "a"), (&east, "a")], Ok(&["Primary east http://a"]));
        check(&[("S", "a"), (&east, "")], Ok(&["Primary  http://a"]));
        let both = [named("x__primary"), named("x__SECONDARY")];
        check(&[(&both[0], "a"), (&both[1], "b")], Ok(&["Primary x http://a", "Secondary x http://b"]));
        check(
            &[("S", "a"), (&named("x__serviceUri"), "b")],
            Err("the endpoint `x` of `Azure__SignalR__Endpoints` stands for"),
        );
        check(&[("S", "a"), (&named("x__clientId"), "b")], Ok(&["Primary  http://a"]));
    }

    #[test]
    fn several_services_need_the_persistent_transport() {
        let east = format!("{SECTION}__east");
        let callable = |variables: &[(&str, &str)]| {
            let settings = settings(variables);
            NamedEndpoints::of(&settings).callable(&settings, "S").map(|endpoints| endpoints.len())
        };
        assert_eq!(callable(&[("S", "a"), (&east, "b")]), Err(NOT_IMPLEMENTED.to_owned()));
        assert_eq!(callable(&[(&east, "b")]), Ok(1));
        assert_eq!(callable(&[("S", "a"), (&east, "b"), ("AzureSignalRServiceTransportType", "Persistent")]), Ok(2));
    }

    #[test]
    fn clients_are_spread_over_the_primary_services() {
        let (east, west) = (format!("{SECTION}__east"), format!("{SECTION}__west__secondary"));
        let settings = settings(&[("S", "a"), (&east, "b"), (&west, "c")]);
        let endpoints = NamedEndpoints::of(&settings).with(&settings, "S").unwrap();
        let mut seen: Vec<_> = (0..200).map(|_| for_a_client(&endpoints).unwrap().address()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ["http://a", "http://b"]);
    }

    #[test]
    fn an_item_names_its_services_or_goes_to_all() {
        let east = format!("{SECTION}__east");
        let settings = settings(&[("S", "a"), (&east, "b")]);
        let endpoints = NamedEndpoints::of(&settings).with(&settings, "S").unwrap();
        let meant = |item: &str| {
            let item: Box<RawValue> = serde_json::from_str(item).unwrap();
            of_item(&endpoints, &item).into_iter().map(|place| endpoints[place].address()).collect::<Vec<_>>()
        };
        assert_eq!(meant(r#"{"target":"t"}"#), ["http://b", "http://a"]);
        assert_eq!(meant(r#"{"target":"t","endpoints":null}"#), ["http://b", "http://a"]);
        let east = r#"{"endpointType":"Primary","name":"east","endpoint":"http://b/","online":false}"#;
        assert_eq!(meant(&format!(r#"{{"target":"t","Endpoints":[{east}]}}"#)), ["http://b"]);
        assert!(meant(r#"{"target":"t","endpoints":[{"name":"east","endpoint":"http://b"}]}"#).is_empty());
        assert!(meant(r#"{"target":"t","endpoints":[]}"#).is_empty());
    }
}
