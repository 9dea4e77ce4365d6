//! `GET /metrics`: what has happened, as numbers in the text format of Prometheus.
//!
//! The numbers are counted from the [`Event`]s. No label holds a hub, a user or anything else that callers choose, so
//! their number is bounded. A page of another origin cannot read them: they are outside the CORS of the service, and a
//! request with an `Origin` is refused.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, StatusCode};

use crate::events::{Event, Surface, UpstreamOutcome};
use crate::service::Service;
use crate::upstream::Category;

/// Upper bounds of the histogram in milliseconds, from a function that answers at once to the timeout.
const BOUNDS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000];

/// The numbers of one service.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    opened: u64,
    closed: u64,
    slow_consumers: u64,
    received: u64,
    received_bytes: u64,
    sends: u64,
    send_bytes: u64,
    deliveries: u64,
    delivery_bytes: u64,
    undelivered: u64,
    /// By surface and status.
    refused: BTreeMap<(&'static str, u16), u64>,
    upstream: BTreeMap<Category, UpstreamCounters>,
}

#[derive(Debug, Default)]
struct UpstreamCounters {
    /// 200 and 204.
    answered: u64,
    /// Other statuses.
    unexpected: u64,
    failed: u64,
    /// Calls per bound, not cumulative; those beyond the last bound are not here.
    buckets: [u64; BOUNDS.len()],
    duration: Duration,
}

impl Metrics {
    /// Counts one event.
    pub(crate) fn count(&self, event: &Event) {
        self.lock().count(event);
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Connected { .. } => self.opened += 1,
            Event::Disconnected { .. } => self.closed += 1,
            Event::DroppedSlowConsumer { .. } => self.slow_consumers += 1,
            Event::Received { bytes, .. } => {
                self.received += 1;
                self.received_bytes += number(*bytes);
            }
            Event::Sent { bytes, queued, dropped, .. } => {
                self.sends += 1;
                self.send_bytes += number(*bytes);
                self.deliveries += number(*queued);
                self.delivery_bytes += number(bytes * queued);
                self.undelivered += number(*dropped);
            }
            Event::Streamed { bytes, queued, .. } => {
                self.sends += 1;
                self.send_bytes += number(*bytes);
                self.deliveries += u64::from(*queued);
                self.delivery_bytes += if *queued { number(*bytes) } else { 0 };
            }
            Event::Refused { surface, status, .. } => {
                *self.refused.entry((label(*surface), status.as_u16())).or_default() += 1;
            }
            Event::UpstreamAnswered { category, outcome, elapsed, .. } => {
                self.upstream.entry(*category).or_default().count(outcome, *elapsed);
            }
            _ => {}
        }
    }

    fn to_text(&self) -> String {
        let mut page = Page::default();
        page.single("connections", "gauge", "Clients that are connected now.", self.opened.saturating_sub(self.closed));
        for (name, help, value) in [
            ("connections_opened_total", "Clients that have connected.", self.opened),
            ("slow_consumers_total", "Connections closed because their client did not read.", self.slow_consumers),
            ("client_messages_total", "Hub messages of clients.", self.received),
            ("client_message_bytes_total", "Payload of the hub messages of clients.", self.received_bytes),
            ("sends_total", "Messages accepted by REST.", self.sends),
            ("send_bytes_total", "Payload of the messages accepted by REST.", self.send_bytes),
            ("deliveries_total", "Messages queued for a client, counted per client.", self.deliveries),
            ("delivery_bytes_total", "Payload of the messages queued for clients.", self.delivery_bytes),
            ("delivery_drops_total", "Messages that did not fit into the queue of a client.", self.undelivered),
        ] {
            page.single(name, "counter", help, value);
        }
        self.write_refused(&mut page);
        self.write_upstream(&mut page);
        page.0
    }

    fn write_refused(&self, page: &mut Page) {
        page.head("refused_total", "counter", "Requests answered with an error.");
        for ((surface, status), count) in &self.refused {
            page.line("refused_total", &format!("surface=\"{surface}\",status=\"{status}\""), count);
        }
    }

    fn write_upstream(&self, page: &mut Page) {
        page.head("upstream_calls_total", "counter", "Calls to upstreams; `ok` is 200 and 204.");
        for (category, calls) in &self.upstream {
            for (outcome, count) in [("ok", calls.answered), ("unexpected", calls.unexpected), ("failed", calls.failed)]
            {
                page.line("upstream_calls_total", &format!("category=\"{category}\",outcome=\"{outcome}\""), count);
            }
        }
        let name = "upstream_duration_seconds";
        page.head(
            name,
            "histogram",
            "From a call of the upstream, waiting for its turn included, to the end of its answer.",
        );
        for (category, calls) in &self.upstream {
            let bucket = format!("{name}_bucket");
            let mut so_far = 0;
            for (bound, count) in BOUNDS.iter().zip(calls.buckets) {
                so_far += count;
                let bound = Duration::from_millis(*bound).as_secs_f64();
                page.line(&bucket, &format!("category=\"{category}\",le=\"{bound}\""), so_far);
            }
            let all = calls.answered + calls.unexpected + calls.failed;
            page.line(&bucket, &format!("category=\"{category}\",le=\"+Inf\""), all);
            page.line(&format!("{name}_sum"), &format!("category=\"{category}\""), calls.duration.as_secs_f64());
            page.line(&format!("{name}_count"), &format!("category=\"{category}\""), all);
        }
    }
}

impl UpstreamCounters {
    fn count(&mut self, outcome: &UpstreamOutcome, elapsed: Duration) {
        match outcome {
            outcome if outcome.is_expected() => self.answered += 1,
            UpstreamOutcome::Status(_) => self.unexpected += 1,
            UpstreamOutcome::Failed(_) => self.failed += 1,
        }
        self.duration += elapsed;
        if let Some(bucket) = BOUNDS.iter().position(|bound| elapsed <= Duration::from_millis(*bound)) {
            self.buckets[bucket] += 1;
        }
    }
}

/// The text that grows; every name has the prefix of the service.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.write(format_args!("signalr_{name} {value}\n"));
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP signalr_{name} {help}\n# TYPE signalr_{name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.write(format_args!("signalr_{name}{{{labels}}} {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes every write");
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn label(surface: Surface) -> &'static str {
    match surface {
        Surface::Client => "client",
        Surface::DataPlane => "rest",
    }
}

/// Answers `GET /metrics`.
pub(crate) async fn serve(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    if headers.contains_key(ORIGIN) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let text = service.reporter.metrics.lock().to_text();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RestCall, SentTo};

    fn answered(outcome: UpstreamOutcome, elapsed: Duration) -> Event {
        Event::UpstreamAnswered {
            id: 1,
            hub: "chat".to_owned(),
            category: Category::Messages,
            event: "Send".to_owned(),
            connection_id: "c".to_owned(),
            outcome,
            elapsed,
        }
    }

    #[track_caller]
    fn check(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }

    #[test]
    fn events_become_numbers() {
        let mut counters = Counters::default();
        let (hub, to, call) = ("chat".to_owned(), SentTo::Everyone, RestCall { id: 1, correlation: None });
        counters.count(&Event::Sent { hub, call, target: "m".to_owned(), to, bytes: 10, queued: 3, dropped: 1 });
        for status in [StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND] {
            let (surface, reason) = (Surface::DataPlane, "why".to_owned());
            counters.count(&Event::Refused { surface, status, reason, call: None, claims: None });
        }
        counters.count(&answered(UpstreamOutcome::Status(StatusCode::OK), Duration::from_millis(1)));
        counters.count(&answered(UpstreamOutcome::Status(StatusCode::FORBIDDEN), Duration::from_millis(3)));
        counters.count(&answered(UpstreamOutcome::Failed("why".to_owned()), Duration::from_secs(101)));
        let text = counters.to_text();
        check(&text, "signalr_connections 0");
        check(&text, "signalr_sends_total 1");
        check(&text, "signalr_deliveries_total 3");
        check(&text, "signalr_delivery_bytes_total 30");
        check(&text, "signalr_delivery_drops_total 1");
        check(&text, "signalr_refused_total{surface=\"rest\",status=\"401\"} 2");
        check(&text, "signalr_refused_total{surface=\"rest\",status=\"404\"} 1");
        for outcome in ["ok", "unexpected", "failed"] {
            check(&text, &format!("signalr_upstream_calls_total{{category=\"messages\",outcome=\"{outcome}\"}} 1"));
        }
        for (bound, count) in [("0.001", 1), ("0.002", 1), ("0.005", 2), ("100", 2), ("+Inf", 3)] {
            let bucket =
                format!("signalr_upstream_duration_seconds_bucket{{category=\"messages\",le=\"{bound}\"}} {count}");
            check(&text, &bucket);
        }
        check(&text, "signalr_upstream_duration_seconds_sum{category=\"messages\"} 101.004");
        check(&text, "# TYPE signalr_upstream_duration_seconds histogram");
    }

    #[test]
    fn every_number_is_described() {
        let text = Counters::default().to_text();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(' ').next().unwrap();
            check(&text, &format!("# TYPE {name} {}", if name == "signalr_connections" { "gauge" } else { "counter" }));
        }
    }
}
