//! The two event streams: every line of the log, and the state a few times a second.
//!
//! Easily missed: a page never gets an event per message. It gets the state when that has changed, and asks for what it shows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::{StreamExt as _, unfold};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::views::state_of;
use super::{App, Refused};
use crate::record::Line;

/// How often a state is sent at most.
const PERIOD: Duration = Duration::from_millis(350);
/// How often it is sent at least, in periods: rates go down without anything happening.
const AT_LEAST: u32 = 6;

type Answer<S> = Result<Sse<axum::response::sse::KeepAliveStream<S>>, Refused>;

/// Every line from `Last-Event-ID` on, and then as they come.
pub(super) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
) -> Answer<impl Stream<Item = Result<Event, Infallible>>> {
    let permit = permit(&app)?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or_default();
    let (known, coming) = app.shared.record().lines.read_on(after);
    let known = futures_util::stream::iter(known.into_iter().map(|line| of_line(&line)));
    let live =
        unfold((coming, permit), async |(mut coming, permit)| Some((next_line(&mut coming).await?, (coming, permit))));
    let stream = known.chain(live).map(Ok).take_until(app.shutdown.cancelled_owned());
    Ok(Sse::new(stream.boxed()).keep_alive(KeepAlive::default()))
}

/// The state, whenever it has changed.
pub(super) async fn states(State(app): State<App>) -> Answer<impl Stream<Item = Result<Event, Infallible>>> {
    let permit = permit(&app)?;
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let shutdown = app.shutdown.clone();
    let watching = Watching { app, ticks, revision: None, _permit: permit };
    let stream = unfold(watching, async |mut watching| Some((watching.next().await, watching)));
    let stream = stream.map(Ok).take_until(shutdown.cancelled_owned());
    Ok(Sse::new(stream.boxed()).keep_alive(KeepAlive::default()))
}

struct Watching {
    app: App,
    ticks: Interval,
    /// Of what was sent last.
    revision: Option<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Watching {
    async fn next(&mut self) -> Event {
        for _ in 0..AT_LEAST {
            self.ticks.tick().await;
            let revision = self.app.shared.record().revision;
            if self.revision != Some(revision) {
                self.revision = Some(revision);
                break;
            }
        }
        Event::default().data(state_of(&self.app.shared).to_string())
    }
}

async fn next_line(coming: &mut broadcast::Receiver<Arc<Line>>) -> Option<Event> {
    match coming.recv().await {
        Ok(line) => Some(of_line(&line)),
        Err(RecvError::Lagged(count)) => {
            Some(Event::default().event("missed").data(json!({"count": count}).to_string()))
        }
        Err(RecvError::Closed) => None,
    }
}

fn of_line(line: &Line) -> Event {
    let json = serde_json::to_string(line).expect("a line can be written as JSON");
    Event::default().id(line.number.to_string()).data(json)
}

fn permit(app: &App) -> Result<OwnedSemaphorePermit, Refused> {
    let busy = || Refused(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open; close another page".to_owned());
    Arc::clone(&app.shared.streams).try_acquire_owned().map_err(|_| busy())
}
