//! A hub that is nothing but its methods, and who may call them.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use signalr_server::service::Methods;
use signalr_server::{
    Admission, ClientMessage, ClientRequest, Clients, Connection, Hub, Reconnect, Refusal, Stage, Transports,
};

use crate::tokens::Tokens;

/// Methods behind a door.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) clients: Clients,
    pub(crate) methods: Arc<Methods>,
    pub(crate) transports: Transports,
    pub(crate) door: Door,
}

/// Who may connect.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// Everybody.
    Open,
    /// Who has a token.
    Locked(Arc<Tokens>),
}

/// The headers of the request that opened a connection, among its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestHeaders(pub(crate) HeaderMap);

impl Hub for Site {
    async fn admit(&self, request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        let mut admission = Admission { transports: self.transports, ..Admission::to(self.clients.clone()) };
        if let Door::Locked(tokens) = &self.door {
            let user = tokens.user(request).ok_or_else(unauthorized)?;
            admission = admission.as_user(user);
        }
        if request.stage == Stage::Connect {
            admission.extensions.insert(RequestHeaders(request.parts.headers.clone()));
        }
        Ok(admission)
    }

    async fn received(&self, connection: &Connection, message: ClientMessage) {
        self.methods.receive(connection, message).await;
    }
}

fn unauthorized() -> Refusal {
    let mut refusal = Refusal::text(StatusCode::UNAUTHORIZED, "");
    refusal.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}

/// A hub that cannot be made, as ASP.NET reports it with detailed errors.
#[derive(Debug, Default)]
pub(crate) struct Uncreatable {
    clients: Clients,
}

impl Hub for Uncreatable {
    async fn admit(&self, _: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        Ok(Admission::to(self.clients.clone()))
    }

    async fn connected(&self, connection: &Connection) {
        let error = "Connection closed with an error. InvalidOperationException: Unable to resolve service for type \
                     'System.Object' while attempting to activate 'FunctionalTests.UncreatableHub'.";
        connection.close(Some(error), Reconnect::Denied);
    }

    async fn received(&self, _: &Connection, _: ClientMessage) {}
}
