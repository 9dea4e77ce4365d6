//! `:execute`: commands for every connection that a filter matches (signalr-service 1.3, since 2023-07-01).
//!
//! Who is meant is settled before the first command: a connection that joins a group by one stays meant by the next.

use axum::body::Body;
use signalr_server::{Connection, Fanout, Reconnect};

use super::outcomes::Outcomes;
use super::perform::Call;
use super::{Refused, read_body};
use crate::commands::{self, Command};
use crate::events::{Event, SentTo};
use crate::filter::{Candidate, Filter};
use crate::message::{BodyError, Format, Message};
use crate::names::check_group;

impl Call<'_> {
    /// Does everything, or nothing where the filter or a command is wrong.
    pub(super) async fn execute(&self, body: Body) -> Result<(), Refused> {
        let filter = self.parameters.first("filter").filter(|filter| !filter.is_empty());
        let parsed = filter.map(Filter::parse).transpose().map_err(|invalid| self.refuse(&invalid))?;
        let commands = read_body(self, body, |format, body| match format {
            Format::Json => commands::read(body),
            Format::FrameMap | Format::MessagePack => Err(BodyError::Unsupported("of a list of commands".to_owned())),
        });
        let commands = commands.await?;
        for group in commands.iter().filter_map(group_of) {
            check_group(group).map_err(|invalid| self.refuse(&invalid))?;
        }
        let meant = self.meant(parsed.as_ref());
        let to = filter.map_or(SentTo::Everyone, |filter| SentTo::Matching(filter.to_owned()));
        for command in commands {
            self.command(command, &meant, &to);
        }
        Ok(())
    }

    fn meant(&self, filter: Option<&Filter>) -> Vec<Connection> {
        let clients = &self.hub.clients;
        let mut connections = clients.connections();
        if let Some(filter) = filter {
            connections.retain(|connection| {
                let groups = clients.groups_of(connection.id());
                let (connection_id, user_id) = (connection.id(), connection.user_id());
                filter.matches(&Candidate { connection_id, user_id, groups: &groups })
            });
        }
        connections
    }

    fn command(&self, command: Command, meant: &[Connection], to: &SentTo) {
        match command {
            Command::Send(message) => self.send_to(message, meant, to),
            Command::Join(group) => {
                for connection in meant {
                    self.add_connection(connection.id(), &group);
                }
            }
            Command::Leave(group) => {
                for connection in meant {
                    self.remove_connection(connection.id(), &group);
                }
            }
            Command::Close(reason) => {
                meant.iter().for_each(|connection| connection.close(reason.as_deref(), Reconnect::Allowed));
                self.service.reporter.report(Event::Closed {
                    hub: self.hub.name.clone(),
                    call: self.rest.clone(),
                    to: to.clone(),
                    connections: meant.len(),
                });
            }
        }
    }

    fn send_to(&self, message: Message, meant: &[Connection], to: &SentTo) {
        let limit = self.service.reporter.receivers_to_name();
        let (mut fanout, mut outcomes) = (Fanout::default(), Outcomes::naming(limit.unwrap_or_default()));
        let frames = message.to_clients();
        for connection in meant {
            let sent = connection.send(&frames);
            fanout.count(sent);
            if limit.is_some() {
                outcomes.add(connection, sent);
            }
        }
        self.report_sent(message, to.clone(), fanout, outcomes);
    }
}

fn group_of(command: &Command) -> Option<&str> {
    match command {
        Command::Join(group) | Command::Leave(group) => Some(group),
        Command::Send(_) | Command::Close(_) => None,
    }
}
