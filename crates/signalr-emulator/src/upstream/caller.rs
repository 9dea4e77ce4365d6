//! Reports what clients do: finds the upstream, calls it, and says what the client gets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use http::StatusCode;
use signalr_server::{Connection, Outcome, ServerMessage};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::call::{Answer, Call, Calls, Failure, Wanted};
use super::reply::Reply;
use super::request::{Body, Invocation, Sender, headers};
use super::template::without_query;
use super::{Category, InvalidUrl, Occurrence, Unmatched, UpstreamTemplate};
use crate::events::{Event, Reporter, UpstreamOutcome};
use crate::{AccessKeys, EmulatorOptions};

/// The upstreams of one service.
#[derive(Debug)]
pub(crate) struct UpstreamCaller {
    templates: RwLock<Arc<[UpstreamTemplate]>>,
    unmatched: Unmatched,
    access_keys: AccessKeys,
    calls: Calls,
    reporter: Arc<Reporter>,
    number: AtomicU64,
}

/// Whom an event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) hub: &'a str,
    pub(crate) connection: &'a Connection,
    pub(crate) sender: &'a Sender,
}

/// What became of an invocation.
#[derive(Debug)]
pub(crate) enum Heard {
    /// No template matches. With a message for the client where that is asked for.
    ByNobody(Option<ServerMessage>),
    /// An upstream was called; with a message for the client where it waits for one.
    ByUpstream(Option<ServerMessage>),
}

impl UpstreamCaller {
    pub(crate) fn new(options: &EmulatorOptions, reporter: Arc<Reporter>, shutdown: CancellationToken) -> Self {
        let caller = Self {
            templates: RwLock::default(),
            unmatched: options.upstream.unmatched,
            access_keys: options.access_keys.clone(),
            calls: Calls::new(options.upstream.timeout, options.server.close_grace, shutdown),
            reporter,
            number: AtomicU64::new(1),
        };
        caller.replace(options.upstream.templates.clone());
        caller
    }

    /// Takes other templates for everything that happens from now on.
    pub(crate) fn replace(&self, templates: Vec<UpstreamTemplate>) {
        for template in &templates {
            for warning in template.warnings() {
                tracing::warn!(%template, "{warning}");
            }
        }
        *self.templates.write().unwrap_or_else(PoisonError::into_inner) = templates.into();
    }

    /// Whether there is any template.
    pub(crate) fn is_set(&self) -> bool {
        !self.templates().is_empty()
    }

    /// `connections/connected`. Only an address that is none makes a difference to the client: any answer, and no
    /// answer, is merely logged (signalr-service 3.7 item 2).
    pub(crate) async fn connected(&self, subject: Subject<'_>) -> Result<(), InvalidUrl> {
        let occurrence = Occurrence { hub: subject.hub, category: Category::Connections, event: "connected" };
        let Some(url) = self.address(&occurrence)? else { return Ok(()) };
        let _ = self.call(subject, &occurrence, url, Body::connected(), Wanted::Status).await;
        Ok(())
    }

    /// `connections/disconnected`, when the transport has ended. Best effort, as in Azure.
    pub(crate) async fn disconnected(&self, subject: Subject<'_>, error: Option<&str>) -> Result<(), InvalidUrl> {
        let occurrence = Occurrence { hub: subject.hub, category: Category::Connections, event: "disconnected" };
        let Some(url) = self.address(&occurrence)? else { return Ok(()) };
        let _ = self.call(subject, &occurrence, url, Body::disconnected(error), Wanted::Status).await;
        Ok(())
    }

    /// `messages/{target}`.
    pub(crate) async fn invoked(&self, subject: Subject<'_>, invocation: &Invocation) -> Result<Heard, InvalidUrl> {
        let occurrence = Occurrence { hub: subject.hub, category: Category::Messages, event: &invocation.target };
        // The official emulator takes an empty id for none.
        let waiting = invocation.invocation_id.as_deref().filter(|id| !id.is_empty());
        let Some(url) = self.address(&occurrence)? else {
            let answered = waiting.filter(|_| self.unmatched == Unmatched::AnswerError);
            return Ok(Heard::ByNobody(answered.map(|id| nobody_listens(id, &occurrence))));
        };
        let protocol = subject.connection.protocol();
        let body = Body::invocation(protocol, invocation);
        let wanted = if waiting.is_some() { Wanted::Body } else { Wanted::Status };
        let answer = self.call(subject, &occurrence, url, body, wanted).await;
        let Some(id) = waiting else { return Ok(Heard::ByUpstream(None)) };
        let reply = Reply::to(&answer);
        if !reply.is_legible(protocol, id) {
            let (hub, target) = (subject.hub, &invocation.target);
            tracing::warn!(
                hub,
                target,
                "the upstream answered 200 with a body that is no Completion of the client's hub protocol; the client \
                 gets it as it is and will fail; answer with the framed message, or with 204"
            );
        }
        Ok(Heard::ByUpstream(Some(reply.into_message(protocol, id))))
    }

    fn templates(&self) -> Arc<[UpstreamTemplate]> {
        Arc::clone(&self.templates.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn address(&self, occurrence: &Occurrence<'_>) -> Result<Option<Url>, InvalidUrl> {
        let templates = self.templates();
        templates.iter().find(|template| template.matches(occurrence)).map(|first| first.url(occurrence)).transpose()
    }

    async fn call(
        &self,
        subject: Subject<'_>,
        occurrence: &Occurrence<'_>,
        url: Url,
        body: Body,
        wanted: Wanted,
    ) -> Result<Answer, Failure> {
        let (id, user) = (subject.connection.id(), subject.connection.user_id());
        let number = self.number.fetch_add(1, Relaxed);
        self.reporter.report_if_heard(|| Event::UpstreamCalled {
            id: number,
            hub: occurrence.hub.to_owned(),
            category: occurrence.category,
            event: occurrence.event.to_owned(),
            connection_id: id.to_owned(),
            url: without_query(url.as_str()),
        });
        let started = Instant::now();
        let headers = headers(&self.access_keys, occurrence, id, user, subject.sender, body.content_type);
        let answer = match headers {
            Ok(headers) => self.calls.make(Call { url, headers, body: body.bytes, wanted }).await,
            Err(unsendable) => Err(unsendable.into()),
        };
        self.reporter.report(Event::UpstreamAnswered {
            id: number,
            hub: occurrence.hub.to_owned(),
            category: occurrence.category,
            event: occurrence.event.to_owned(),
            connection_id: id.to_owned(),
            outcome: outcome(&answer),
            elapsed: started.elapsed(),
        });
        answer
    }
}

fn outcome(answer: &Result<Answer, Failure>) -> UpstreamOutcome {
    match answer {
        Ok(answer) => UpstreamOutcome::Status(answer.status),
        Err(failure) => UpstreamOutcome::Failed(failure.to_string()),
    }
}

/// No text of Azure exists for this: it sends nothing (signalr-service 2.7 item 5).
fn nobody_listens(invocation_id: &str, occurrence: &Occurrence<'_>) -> ServerMessage {
    let Occurrence { hub, category, event } = occurrence;
    let error = format!("Invocation failed, no upstream matches hub '{hub}', category '{category}', event '{event}'");
    ServerMessage::completion(invocation_id, Outcome::Error(error))
}

impl UpstreamOutcome {
    /// 200 and 204 are what the service expects.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self, Self::Status(StatusCode::OK | StatusCode::NO_CONTENT))
    }
}
