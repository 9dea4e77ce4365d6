//! The operations themselves: what each does to a hub and what it answers (signalr-service 1.3 to 1.6).
//!
//! Once its body is read an operation is done without a pause. An absent receiver is no error: a send to nobody is
//! accepted like any other.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use azure_signalr::token::ClientToken;
use azure_signalr::{ConnectionString, HubName};
use http::request::Parts;
use serde::Serialize;
use signalr_server::{Connection, Fanout, Recipients, Reconnect, ServerMessage};
use url::Url;

use super::outcomes::Outcomes;
use super::{Refused, origin, read_body};
use crate::answer::{Absent, Answer};
use crate::events::{Event, Member, RestCall, SentTo};
use crate::hub::ServiceHub;
use crate::listing::{GroupMember, PageRequest};
use crate::message::Message;
use crate::names::Invalid;
use crate::operation::{Audience, Family, Operation};
use crate::parameters::{LARGEST_NUMBER, Parameters};
use crate::service::Service;

/// Lifetime of a generated token without `minutesToExpire`.
const DEFAULT_MINUTES: u64 = 60;

/// A call that was let in.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) service: &'a Service,
    /// What its events carry.
    pub(super) rest: &'a RestCall,
    pub(super) hub: &'a ServiceHub,
    pub(super) family: Family,
    pub(super) parameters: &'a Parameters,
    pub(super) parts: &'a Parts,
    pub(super) now: SystemTime,
}

#[derive(Serialize)]
struct GeneratedToken {
    token: String,
}

impl Call<'_> {
    /// Does what is asked. What changes nothing, because there was nothing to change, succeeds as well
    /// (signalr-service 1.6, 8.7).
    pub(super) async fn perform(&self, operation: &Operation, body: Body) -> Result<Answer, Refused> {
        let refuse = |invalid: Invalid| self.refuse(&invalid);
        match operation {
            Operation::Send(audience) => self.send(audience, self.message(body).await?),
            Operation::CloseConnections(audience) => self.close(audience, &self.parameters.excluded()),
            Operation::CloseConnection { connection } => self.close(&Audience::Connection(connection.clone()), &[]),
            Operation::ConnectionExists { .. }
            | Operation::UserExists { .. }
            | Operation::GroupExists { .. }
            | Operation::UserInGroup { .. }
            | Operation::AddConnection { .. } => {
                if let Some(absent) = self.look_for(operation) {
                    return Ok(Answer::absent(absent));
                }
            }
            Operation::RemoveConnection { connection, group } => self.remove_connection(connection, group),
            Operation::RemoveConnectionFromAll { connection } => self.remove_connection_from_all(connection),
            Operation::AddUser { user, group } => self.add_user(user, group).map_err(refuse)?,
            Operation::RemoveUser { user, group } => self.remove_user(user, group),
            Operation::RemoveUserFromAll { user } => self.remove_user_from_all(user),
            Operation::ListConnections { group } => return self.list(group).map_err(refuse),
            Operation::GenerateToken => return self.generate_token().map_err(refuse),
            Operation::Execute => self.execute(body).await?,
            Operation::Invoke { connection } => return self.invoke(connection, self.message(body).await?).await,
            Operation::SendStreamItem { connection, stream } => self.send_stream_item(connection, stream, body).await?,
            Operation::CompleteStream { connection, stream } => self.complete_stream(connection, stream),
        }
        Ok(Answer::empty(operation.success(self.family)))
    }

    /// What an operation needs and does not find.
    fn look_for(&self, operation: &Operation) -> Option<Absent> {
        let clients = &self.hub.clients;
        let (found, absent) = match operation {
            Operation::ConnectionExists { connection } => {
                (clients.connection(connection).is_some(), Absent::Connection)
            }
            Operation::UserExists { user } => (clients.has_user(user), Absent::User),
            Operation::GroupExists { group } => (clients.has_group(group), Absent::Group),
            Operation::UserInGroup { user, group } => {
                (self.hub.has_user_in_group(user, group, self.now), Absent::UserInGroup)
            }
            Operation::AddConnection { connection, group } => {
                (self.add_connection(connection, group), Absent::ConnectionToAdd)
            }
            _ => return None,
        };
        (!found).then_some(absent)
    }

    async fn message(&self, body: Body) -> Result<Message, Refused> {
        read_body(self, body, Message::parse).await
    }

    /// False when there is no such connection.
    pub(super) fn add_connection(&self, connection: &str, group: &str) -> bool {
        let joined = self.hub.clients.join(connection, group);
        if joined {
            self.report_join(group, Member::Connection(connection.to_owned()), 1);
        }
        joined
    }

    pub(super) fn remove_connection(&self, connection: &str, group: &str) {
        if self.hub.clients.leave(connection, group) {
            self.report_leave(Some(group), Member::Connection(connection.to_owned()));
        }
    }

    fn remove_connection_from_all(&self, connection: &str) {
        if self.hub.clients.leave_all(connection) {
            self.report_leave(None, Member::Connection(connection.to_owned()));
        }
    }

    fn add_user(&self, user: &str, group: &str) -> Result<(), Invalid> {
        let connections = self.hub.add_user(user, group, self.parameters.lifetime()?, self.now);
        self.report_join(group, Member::User(user.to_owned()), connections);
        Ok(())
    }

    fn remove_user(&self, user: &str, group: &str) {
        self.hub.remove_user(user, group);
        self.report_leave(Some(group), Member::User(user.to_owned()));
    }

    fn remove_user_from_all(&self, user: &str) {
        self.hub.remove_user_from_all(user);
        self.report_leave(None, Member::User(user.to_owned()));
    }

    fn report_join(&self, group: &str, member: Member, connections: usize) {
        let (hub, group) = (self.hub.name.clone(), group.to_owned());
        let call = Some(self.rest.clone());
        self.service.reporter.report(Event::JoinedGroup { hub, group, member, connections, call });
    }

    fn report_leave(&self, group: Option<&str>, member: Member) {
        let (hub, group) = (self.hub.name.clone(), group.map(str::to_owned));
        self.service.reporter.report(Event::LeftGroup { hub, group, member, call: self.rest.clone() });
    }

    pub(super) fn refuse(&self, invalid: &Invalid) -> Refused {
        Refused::invalid(self.family, invalid)
    }

    /// Queues a message for its receivers. Only everyone and groups can be asked to leave connections out
    /// (signalr-service 1.3).
    fn send(&self, audience: &Audience, message: Message) {
        let excluded = match audience {
            Audience::Everyone | Audience::Group(_) => self.parameters.excluded(),
            Audience::User(_) | Audience::Connection(_) => Vec::new(),
        };
        let (fanout, outcomes) = self.fan_out(&recipients(audience).excluding(&excluded), &message.to_clients());
        self.report_sent(message, SentTo::from(audience), fanout, outcomes);
    }

    pub(super) fn report_sent(&self, message: Message, to: SentTo, fanout: Fanout, outcomes: Outcomes) {
        if fanout.unencoded > 0 {
            let (hub, target, clients) = (&self.hub.name, &message.target, fanout.unencoded);
            tracing::warn!(hub, target, clients, "clients did not get a message: it lacks their hub protocol");
        }
        self.service.reporter.report(Event::Sent {
            hub: self.hub.name.clone(),
            call: self.rest.clone(),
            bytes: message.size(),
            target: message.target,
            to,
            queued: fanout.queued,
            dropped: fanout.dropped_full,
        });
        outcomes.report(&self.service.reporter, &self.hub.name, self.rest);
    }

    /// What became of the message at every single connection is noted only where somebody listens.
    fn fan_out(&self, to: &Recipients<'_>, message: &ServerMessage) -> (Fanout, Outcomes) {
        let (clients, limit) = (&self.hub.clients, self.service.reporter.receivers_to_name());
        let mut outcomes = Outcomes::naming(limit.unwrap_or_default());
        if limit.is_none() {
            return (clients.send(to, message), outcomes);
        }
        let fanout = clients.send_telling(to, message, |connection, sent| outcomes.add(connection, sent));
        (fanout, outcomes)
    }

    /// The client may reconnect, as in Azure (signalr-service 2.7 item 8).
    fn close(&self, audience: &Audience, excluded: &[String]) {
        let reason = self.parameters.first("reason").filter(|reason| !reason.is_empty());
        let to = recipients(audience).excluding(excluded);
        let closed = self.hub.clients.close(&to, reason, Reconnect::Allowed);
        self.service.reporter.report(Event::Closed {
            hub: self.hub.name.clone(),
            call: self.rest.clone(),
            to: audience.into(),
            connections: closed,
        });
    }

    fn list(&self, group: &str) -> Result<Answer, Invalid> {
        let request = PageRequest::read(self.parameters)?;
        let members = self.hub.clients.members(group).iter().map(GroupMember::from).collect();
        let address = format!("{}{}", origin(&self.parts.headers), self.parts.uri.path());
        Ok(Answer::json(&request.cut(members, &address, self.parameters.first("api-version"))))
    }

    fn generate_token(&self) -> Result<Answer, Invalid> {
        let minutes = self.parameters.number("minutesToExpire", 1..=LARGEST_NUMBER)?.unwrap_or(DEFAULT_MINUTES);
        let hub: HubName = self.hub.name.parse().map_err(|error| Invalid::new("hub", error))?;
        let endpoint = Url::parse(&origin(&self.parts.headers)).map_err(|error| Invalid::new("Host", error))?;
        let connection = ConnectionString::with_access_key(endpoint, self.service.primary_key.clone());
        let token = ClientToken::new(&hub)
            .user_id(self.parameters.first("userId"))
            .lifetime(Duration::from_secs(minutes * 60))
            .sign(&connection, self.now)
            .map_err(|error| Invalid::new("userId", error))?;
        Ok(Answer::json(&GeneratedToken { token }))
    }
}

fn recipients(audience: &Audience) -> Recipients<'_> {
    match audience {
        Audience::Everyone => Recipients::everyone(),
        Audience::User(user) => Recipients::user(user),
        Audience::Group(group) => Recipients::group(group),
        Audience::Connection(connection) => Recipients::connection(connection),
    }
}

impl From<&Audience> for SentTo {
    fn from(audience: &Audience) -> Self {
        match audience {
            Audience::Everyone => Self::Everyone,
            Audience::User(user) => Self::User(user.clone()),
            Audience::Group(group) => Self::Group(group.clone()),
            Audience::Connection(connection) => Self::Connection(connection.clone()),
        }
    }
}

impl From<&Connection> for GroupMember {
    fn from(connection: &Connection) -> Self {
        Self { connection_id: connection.id().to_owned(), user_id: connection.user_id().map(str::to_owned) }
    }
}
