//! The `signalR` output: from the handler's value to messages and group actions, and on to the service
//! (signalr-bindings 5.2 to 5.4).
//!
//! Easily missed: items of one value are read and sent one by one, so a bad third item fails the call after the first two
//! have reached their clients. And an item with `target` is a message, whatever else it has.

use std::sync::Arc;

use azure_signalr::{GroupAction, HubClient, Member, Message, Recipient, RestClient, RestError, Target};
use futures_util::future::join_all;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::endpoints::{ServiceEndpoint, of_item};
use super::{BindingError, Context};
use crate::answer::OutputValue;
use crate::app::SignalROutputBinding;
use crate::host::HttpClients;
use crate::members::{Members, as_string, is_null};
use crate::newtonsoft::looks_like_json;
use crate::warnings::{Warning, WarningCode};

/// What one item of the value asks for.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message to clients.
    Message(Message),
    /// A change of group membership.
    GroupAction(GroupAction),
    /// `removeAll` for a connection, for which the extension sends nothing and says nothing.
    Nothing,
}

/// The note for [`Item::Nothing`].
const REMOVE_ALL_OF_CONNECTION: &str =
    "`removeAll` with a `connectionId` does nothing in the SignalR extension; use `userId`, or `remove` for each group";

const NO_ITEM: &str = "Value cannot be null. (Parameter 'item')";
const NO_TYPE: &str = "Unable to convert JObject to valid output binding type, check parameters.";

/// Sends everything that `value` holds, in order; the first failure stops the rest. Each call carries the id of the invocation, by
/// which the service can tell what caused it.
///
/// # Errors
/// In the extension's words. What was sent before stays sent.
pub(crate) async fn send(
    binding: &SignalROutputBinding,
    value: OutputValue,
    context: Context<'_>,
    http: &HttpClients,
    invocation_id: Uuid,
) -> Result<(), BindingError> {
    let hub = context.hub(&binding.hub_name)?;
    let endpoints = context.endpoints(&binding.connection_string_setting)?;
    let request_id: Arc<str> = invocation_id.to_string().into();
    let clock = context.clock;
    let client = |endpoint: &ServiceEndpoint| {
        let (connection, clock) = (endpoint.connection.clone(), clock.clone());
        let client = RestClient::new(connection).with_http(http.to(&endpoint.connection)?.clone());
        Ok(client.with_time(move || clock.system_time()).with_request_id(Arc::clone(&request_id)).hub(&hub))
    };
    let clients = endpoints.iter().map(client).collect::<Result<Vec<_>, BindingError>>()?;
    for element in elements(value)? {
        let item = read_item(&element)?;
        if matches!(item, Item::Nothing) {
            context.notes.add(Warning::new(WarningCode::RemoveAllByConnection, REMOVE_ALL_OF_CONNECTION));
        }
        match clients.as_slice() {
            // An item for the only service needs no look at the services that it names.
            [client] => send_to(client, &item).await?,
            _ => {
                let receivers = receivers(&endpoints, &element, context).into_iter();
                let sent = join_all(receivers.map(|place| send_to(&clients[place], &item))).await;
                sent.into_iter().collect::<Result<(), _>>()?;
            }
        }
    }
    Ok(())
}

/// The services that an item is for, of several, by place.
fn receivers(endpoints: &[ServiceEndpoint], item: &RawValue, context: Context<'_>) -> Vec<usize> {
    let receivers = of_item(endpoints, item);
    if receivers.is_empty() {
        let text = "`endpoints` of an item names no service of the app, so it goes nowhere; each must have the `endpoint`, `name` and \
                    `endpointType` that `signalREndpoints` lists";
        context.notes.add(Warning::new(WarningCode::SeveralEndpoints, text));
    }
    receivers
}

async fn send_to(client: &HubClient, item: &Item) -> Result<(), BindingError> {
    let sent = match item {
        Item::Message(message) => client.send(message).await,
        Item::GroupAction(action) => client.apply(action).await,
        Item::Nothing => Ok(()),
    };
    sent.map_err(|error| text_of(&error))
}

/// The extension shows the inner cause as well.
fn text_of(error: &RestError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The elements of a value, not yet looked at: those of an array, or the value alone.
fn elements(value: OutputValue) -> Result<Vec<Box<RawValue>>, BindingError> {
    let OutputValue::Json(json) = value else {
        return Err(NO_ITEM.to_owned());
    };
    let json = match as_string(&json) {
        // A string that looks like JSON must be JSON.
        Some(text) if looks_like_json(&text) => {
            RawValue::from_string(text.trim().to_owned()).map_err(|e| e.to_string())?
        }
        _ => json,
    };
    if json.get().starts_with('[') {
        return serde_json::from_str(json.get()).map_err(|error| error.to_string());
    }
    Ok(vec![json])
}

/// Decides what one element is (signalr-bindings 5.3): a message, else a group action, else an error.
///
/// # Errors
/// In the extension's words.
pub(crate) fn read_item(element: &RawValue) -> Result<Item, BindingError> {
    let members = Members::read(element.get()).ok_or(NO_ITEM)?;
    let item = Fields(&members);
    if let Some(message) = item.message() {
        return message.map(Item::Message);
    }
    if let Some(action) = item.action() {
        return item.group_action(action);
    }
    let web_pub_sub = members.get_ignoring_case("actionName").is_some();
    let hint = if web_pub_sub {
        " The key `actionName` belongs to Web PubSub; the SignalR binding wants `action`. [FH1013]"
    } else {
        ""
    };
    Err(format!("{NO_TYPE}{hint}"))
}

#[derive(Clone, Copy)]
enum Action {
    Add,
    Remove,
    RemoveAll,
}

/// The known members of an item, letter case ignored.
struct Fields<'a>(&'a Members);

impl Fields<'_> {
    /// Numbers and booleans are made text where text is expected.
    fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get_ignoring_case(name).filter(|value| !is_null(value))?;
        as_string(value).or_else(|| (!value.get().starts_with(['{', '['])).then(|| value.get().to_owned()))
    }

    /// An id that counts: `""` is none.
    fn id(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Whether a member has a type that .NET cannot make text of.
    fn has_wrong_type(&self, name: &str) -> bool {
        self.0.get_ignoring_case(name).is_some_and(|value| value.get().starts_with(['{', '[']))
    }

    fn any_wrong_type(&self) -> bool {
        ["userId", "groupName", "connectionId"].iter().any(|name| self.has_wrong_type(name))
    }

    /// The message, if this is one: it has a `target`, and `arguments` is an array, null or missing.
    fn message(&self) -> Option<Result<Message, BindingError>> {
        let target = self.text("target")?;
        let arguments = self.0.get_ignoring_case("arguments").filter(|arguments| !is_null(arguments));
        let arguments: Vec<Box<RawValue>> = match arguments {
            Some(arguments) => serde_json::from_str(arguments.get()).ok()?,
            None => Vec::new(),
        };
        if self.any_wrong_type() {
            return None;
        }
        Some(self.recipient().and_then(|recipient| {
            let target: Target = target.parse().map_err(|error: azure_signalr::NameError| error.to_string())?;
            Ok(Message { target, arguments, recipient })
        }))
    }

    /// The first of connection, user and group that is not empty (signalr-bindings 5.3).
    fn recipient(&self) -> Result<Recipient, BindingError> {
        if let Some(id) = self.id("connectionId") {
            return id.parse().map(Recipient::Connection).map_err(|error: azure_signalr::NameError| error.to_string());
        }
        if let Some(id) = self.id("userId") {
            return id.parse().map(Recipient::User).map_err(|error: azure_signalr::NameError| error.to_string());
        }
        if let Some(name) = self.id("groupName") {
            return name.parse().map(Recipient::Group).map_err(|error: azure_signalr::NameError| error.to_string());
        }
        Ok(Recipient::Everyone)
    }

    /// The action, by name or number.
    fn action(&self) -> Option<Action> {
        if self.any_wrong_type() {
            return None;
        }
        match self.text("action")?.to_ascii_lowercase().as_str() {
            "add" | "0" => Some(Action::Add),
            "remove" | "1" => Some(Action::Remove),
            "removeall" | "2" => Some(Action::RemoveAll),
            _ => None,
        }
    }

    fn group_action(&self, action: Action) -> Result<Item, BindingError> {
        let text = |error: azure_signalr::NameError| error.to_string();
        let member = match (self.id("connectionId"), self.id("userId")) {
            (Some(id), _) => Member::Connection(id.parse().map_err(text)?),
            (None, Some(id)) => Member::User(id.parse().map_err(text)?),
            (None, None) => return Err("ConnectionId and UserId cannot be null or empty together".to_owned()),
        };
        let group = || self.id("groupName").ok_or("groupName cannot be null or empty")?.parse().map_err(text);
        Ok(match (action, member) {
            (Action::Add, member) => Item::GroupAction(GroupAction::Add { member, group: group()? }),
            (Action::Remove, member) => Item::GroupAction(GroupAction::Remove { member, group: group()? }),
            (Action::RemoveAll, Member::User(user)) => Item::GroupAction(GroupAction::RemoveUserFromAll(user)),
            (Action::RemoveAll, Member::Connection(_)) => Item::Nothing,
        })
    }
}

#[cfg(test)]
mod tests;
