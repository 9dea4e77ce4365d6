//! `/client`, where SignalR clients connect: who is let in, under which name, and what becomes of their messages.
//!
//! There are no methods to call here: what clients invoke goes to the upstream. Where none listens the service ignores
//! it, and an `invoke` never completes (signalr-service 2.7 item 5): so does this endpoint, and says so in the log.

mod admission;
pub(crate) mod refusals;

use std::sync::Arc;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use signalr_server::{
    Admission, Arguments, ClientMessage, ClientRequest, Connection, Disconnect, Hub, HubProtocol, Outcome, Payload,
    Reconnect, Refusal, Stage,
};

use crate::authentication::{Identity, Unauthorized, bearer};
use crate::events::{Event, Member, Surface, UnheardCause};
use crate::hub::ServiceHub;
use crate::places::{NO_PLACE, Place};
use crate::service::Service;
use crate::upstream::{Heard, InvalidUrl, Invocation, Sender, Subject};
use admission::{admission, requested_hub};

/// The hub behind the client endpoint: one for all hubs of the service, told apart by their connections.
#[derive(Debug)]
pub(crate) struct ClientEndpoint(pub(crate) Arc<Service>);

/// What a connection remembers of its admission.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    hub: Arc<ServiceHub>,
    /// The claims of its token as JSON, which takes less than a map of them.
    pub(crate) claims: Arc<str>,
    /// What upstreams are told about it.
    sender: Arc<Sender>,
    /// A connection has one; requests that only negotiate or go on with a connection have none.
    place: Arc<Option<Place>>,
}

impl Hub for ClientEndpoint {
    async fn admit(&self, request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        self.let_in(request).inspect_err(|_| refusals::is_told(&request.parts.extensions))
    }

    fn registered(&self, connection: &Connection) {
        let Some(client) = Client::of(connection) else { return };
        for group in client.hub.join_stored_groups(connection, self.0.time.now()) {
            let (hub, member) = (client.hub.name.clone(), Member::Connection(connection.id().to_owned()));
            self.0.reporter.report(Event::JoinedGroup { hub, group, member, connections: 1, call: None });
        }
    }

    /// An upstream that takes its time for an earlier message must not keep others out.
    fn unregistered(&self, connection: &Connection) {
        if let Some(place) = Client::of(connection).and_then(|client| client.place.as_ref().as_ref()) {
            place.leave();
        }
    }

    async fn connected(&self, connection: &Connection) {
        let Some(client) = Client::of(connection) else { return };
        let hub = &client.hub;
        self.0.reporter.report(Event::Connected {
            hub: hub.name.clone(),
            connection_id: connection.id().to_owned(),
            user_id: connection.user_id().map(str::to_owned),
            transport: connection.transport().name(),
            protocol: connection.protocol().name(),
        });
        // Awaited before the first message is read; REST calls find the connection already (signalr-service 3.7).
        if let Err(invalid) = self.0.upstream.connected(client.subject(connection)).await {
            close_misdirected(connection, &invalid);
        }
    }

    /// Everything but an invocation merely counts as a sign of life (signalr-service 2.7 item 7).
    async fn received(&self, connection: &Connection, message: ClientMessage) {
        let Some(client) = Client::of(connection) else { return };
        self.0.reporter.report(received(connection, client, &message));
        match message {
            ClientMessage::Invocation { invocation_id, target, arguments, stream_ids, headers } => {
                let invocation = Invocation { invocation_id, target, arguments, stream_ids, headers };
                self.invoked(connection, client, invocation).await;
            }
            ClientMessage::StreamInvocation { target, .. } => self.unheard(client, target, UnheardCause::Stream),
            _ => {}
        }
    }

    async fn disconnected(&self, connection: &Connection, reason: &Disconnect) {
        let Some(client) = Client::of(connection) else { return };
        let (hub, connection_id) = (client.hub.name.clone(), connection.id().to_owned());
        if matches!(reason, Disconnect::QueueFull | Disconnect::Stalled) {
            let (hub, connection_id) = (hub.clone(), connection_id.clone());
            self.0.reporter.report(Event::DroppedSlowConsumer { hub, connection_id });
        }
        let user_id = connection.user_id().map(str::to_owned);
        self.0.reporter.report(Event::Disconnected { hub, connection_id, user_id, reason: reason.to_string() });
        let error = (!reason.is_orderly()).then(|| reason.to_string());
        if let Err(invalid) = self.0.upstream.disconnected(client.subject(connection), error.as_deref()).await {
            tracing::warn!("{invalid}");
        }
    }
}

impl Client {
    /// That of a request which opens a transport.
    fn new(hub: Arc<ServiceHub>, identity: &Identity, raw_query: Option<&str>, place: Option<Place>) -> Self {
        let claims: Arc<str> = serde_json::to_string(&identity.claims).expect("claims were JSON before").into();
        let sender = Arc::new(Sender::new(Arc::clone(&claims), raw_query));
        Self { hub, sender, claims, place: Arc::new(place) }
    }

    /// That of a request from which no connection comes.
    fn passing(hub: Arc<ServiceHub>) -> Self {
        Self { hub, sender: Arc::default(), claims: "".into(), place: Arc::default() }
    }

    pub(crate) fn of(connection: &Connection) -> Option<&Self> {
        connection.extensions().get()
    }

    fn subject<'a>(&'a self, connection: &'a Connection) -> Subject<'a> {
        Subject { hub: &self.hub.name, connection, sender: &self.sender }
    }
}

/// An address that is none is the one mistake of an upstream that ends connections (signalr-service 3.7 item 2).
fn close_misdirected(connection: &Connection, invalid: &InvalidUrl) {
    tracing::error!("{invalid}");
    connection.close(Some(&format!("Connection closed with an error. {invalid}")), Reconnect::Denied);
}

impl ClientEndpoint {
    #[expect(clippy::result_large_err, reason = "the engine takes the refusal as it is")]
    fn let_in(&self, request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        let hub = requested_hub(request.query).map_err(|message| self.refuse_hub(message))?;
        let headers = &request.parts.headers;
        let token = bearer(headers).or_else(|| request.query.last("access_token"));
        let identity = self.0.authenticator.client(token, &hub, headers, self.0.time.now());
        let identity = identity.map_err(|unauthorized| self.refuse_token(unauthorized))?;
        let place = self.place(request.stage).ok_or_else(|| self.refuse_one_more())?;
        let hub = self.0.hubs.open(&hub);
        // Only the request that opens the transport makes a connection, and only its query is the client's.
        let client = match request.stage {
            Stage::Connect => Client::new(hub, &identity, request.parts.uri.query(), place),
            Stage::Negotiate | Stage::Continue => Client::passing(hub),
        };
        Ok(admission(client, identity))
    }

    async fn invoked(&self, connection: &Connection, client: &Client, invocation: Invocation) {
        let answer = match self.0.upstream.invoked(client.subject(connection), &invocation).await {
            Ok(Heard::ByUpstream(answer)) => answer,
            Ok(Heard::ByNobody(answer)) => {
                let set = self.0.upstream.is_set();
                let cause = if set { UnheardCause::NoMatch } else { UnheardCause::NoUpstream };
                self.unheard(client, invocation.target, cause);
                answer
            }
            Err(invalid) => return close_misdirected(connection, &invalid),
        };
        // A client that is gone by now needs no answer; one that does not read is closed by the queue itself.
        let _ = answer.map(|answer| connection.send(&answer));
    }

    fn unheard(&self, client: &Client, target: String, cause: UnheardCause) {
        if client.hub.is_unheard_for_the_first_time(&target) {
            self.0.reporter.report(Event::Unheard { hub: client.hub.name.clone(), target, cause });
        }
    }

    /// A place for a request that opens a transport; `None` where there is none left.
    fn place(&self, stage: Stage) -> Option<Option<Place>> {
        let places = &self.0.places;
        match stage {
            Stage::Negotiate => places.has_room().then_some(None),
            Stage::Connect => places.take().map(Some),
            Stage::Continue => Some(None),
        }
    }

    fn refuse_one_more(&self) -> Refusal {
        let reason = format!("{NO_PLACE} Choose a larger tier or more units, or close connections");
        self.0.report_refusal(Surface::Client, StatusCode::TOO_MANY_REQUESTS, reason);
        Refusal::text(StatusCode::TOO_MANY_REQUESTS, NO_PLACE)
    }

    fn refuse_hub(&self, message: String) -> Refusal {
        self.0.report_refusal(Surface::Client, StatusCode::BAD_REQUEST, message.clone());
        Refusal::text(StatusCode::BAD_REQUEST, message)
    }

    fn refuse_token(&self, unauthorized: Unauthorized) -> Refusal {
        self.0.reporter.report(Event::Refused {
            surface: Surface::Client,
            status: StatusCode::UNAUTHORIZED,
            reason: unauthorized.reason,
            call: None,
            claims: unauthorized.claims.map(|claims| *claims),
        });
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, unauthorized.www_authenticate)]);
        Refusal { status: StatusCode::UNAUTHORIZED, headers, body: String::new() }
    }
}

fn received(connection: &Connection, client: &Client, message: &ClientMessage) -> Event {
    let (kind, bytes) = kind_and_size(message, connection.protocol());
    let (target, invocation_id) = match message {
        ClientMessage::Invocation { target, invocation_id, .. } => (Some(target), invocation_id.as_ref()),
        ClientMessage::StreamInvocation { target, invocation_id, .. } => (Some(target), Some(invocation_id)),
        ClientMessage::StreamItem { invocation_id, .. }
        | ClientMessage::Completion { invocation_id, .. }
        | ClientMessage::CancelInvocation { invocation_id, .. } => (None, Some(invocation_id)),
        _ => (None, None),
    };
    Event::Received {
        hub: client.hub.name.clone(),
        connection_id: connection.id().to_owned(),
        kind,
        target: target.cloned(),
        invocation_id: invocation_id.cloned(),
        bytes,
        call: None,
    }
}

/// The payload is measured as it came: another encoding of it may never be needed.
fn kind_and_size(message: &ClientMessage, protocol: HubProtocol) -> (&'static str, usize) {
    let arguments = |arguments: &Arguments| match protocol {
        HubProtocol::Json => arguments.json().get().len(),
        HubProtocol::MessagePack => arguments.messagepack().len(),
    };
    let payload = |payload: &Payload| match protocol {
        HubProtocol::Json => payload.json().get().len(),
        HubProtocol::MessagePack => payload.messagepack().len(),
    };
    match message {
        ClientMessage::Invocation { arguments: given, .. } => ("Invocation", arguments(given)),
        ClientMessage::StreamInvocation { arguments: given, .. } => ("StreamInvocation", arguments(given)),
        ClientMessage::StreamItem { item, .. } => ("StreamItem", payload(item)),
        ClientMessage::Completion { outcome: Outcome::Result(result), .. } => ("Completion", payload(result)),
        ClientMessage::Completion { .. } => ("Completion", 0),
        ClientMessage::CancelInvocation { .. } => ("CancelInvocation", 0),
        _ => ("other", 0),
    }
}
