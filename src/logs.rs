//! Where log lines go.
//!
//! Lines of an invocation go into the `Logs` of its answer, where the host adds the invocation's id to them. Warnings and errors go to
//! stdout as well, because the host throws `Logs` away when an invocation fails (functions-host 3.2); so does everything that belongs to
//! no invocation. Never stderr: the host reports each of its lines as an error (functions-host 1.7).

use crate::Config;
use crate::invocation::Origin;
use crate::trace_context::TraceParent;
use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::io;
use std::pin::pin;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{Targets, dynamic_filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// More lines of one invocation are counted, not kept.
const MOST_LINES: usize = 100;
/// More bytes of one line are cut.
const LONGEST_LINE: usize = 4096;

tokio::task_local! {
    static INVOCATION: Current;
}

/// The invocation that runs, and what it has logged.
#[derive(Debug)]
struct Current {
    origin: Origin,
    lines: RefCell<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<String>,
    left_out: usize,
}

/// Keeps what is still on its way out. To be dropped when the process ends.
#[derive(Debug)]
#[must_use = "spans that are still on their way would be lost"]
pub struct Logs {
    #[cfg(feature = "otel")]
    _exporter: Option<crate::telemetry::Exporter>,
}

/// Takes all log lines of this process from now on, and its spans if the settings want them exported.
///
/// # Panics
/// When it has been called before.
#[cfg(not(feature = "otel"))]
pub fn begin(config: &Config) -> Logs {
    subscriber(&config.log_filter).init();
    if config.exports_spans {
        tracing::warn!("`OTEL_EXPORTER_OTLP_ENDPOINT` is set, and this handler was built without the feature `otel`");
    }
    Logs {}
}

/// Takes all log lines of this process from now on, and its spans if the settings want them exported.
///
/// # Panics
/// When it has been called before.
#[cfg(feature = "otel")]
pub fn begin(config: &Config) -> Logs {
    let exporter = config.exports_spans.then(|| crate::telemetry::Exporter::new(&config.service_name)).transpose();
    let (exporter, failure) = exporter.map_or_else(|error| (None, Some(error)), |exporter| (exporter, None));
    subscriber(&config.log_filter).with(exporter.as_ref().map(crate::telemetry::Exporter::layer)).init();
    if let Some(error) = failure {
        tracing::error!(%error, "spans cannot be exported");
    }
    Logs { _exporter: exporter }
}

/// What takes all log lines and spans that `filter` lets through.
fn subscriber(filter: &Targets) -> impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync {
    // Whether a line belongs to an invocation is another question each time, so the answer must not be kept.
    let stdout = dynamic_filter_fn(|metadata, _| {
        // Spans are there for their exporter. To write them out takes as long as the work of many an invocation.
        !metadata.is_span() && (*metadata.level() <= Level::WARN || !is_in_an_invocation())
    });
    let stdout = stdout.with_max_level_hint(LevelFilter::TRACE);
    let lines = fmt::layer().with_ansi(false).with_target(false).without_time();
    let lines = lines.map_event_format(BehindInvocation).with_writer(io::stdout);
    Registry::default().with(filter.clone()).with(InvocationLines).with(lines.with_filter(stdout))
}

/// Does `work` and collects the lines that are logged meanwhile.
pub(crate) async fn collected<T>(origin: Origin, work: impl Future<Output = T>) -> (T, Vec<String>) {
    let mut work = pin!(INVOCATION.scope(Current { origin, lines: RefCell::default() }, work));
    let result = work.as_mut().await;
    let lines = work.take_value().map(|current| current.lines.into_inner());
    let Lines { mut kept, left_out } = lines.unwrap_or_default();
    if left_out > 0 {
        kept.push(format!("{left_out} more lines were left out"));
    }
    (result, kept)
}

/// The trace of the invocation that runs, as it came with it.
pub(crate) fn trace_parent() -> Option<TraceParent> {
    INVOCATION.try_with(|current| current.origin.trace_parent()).ok().flatten()
}

fn is_in_an_invocation() -> bool {
    INVOCATION.try_with(|_| ()).is_ok()
}

/// Writes events into the lines of the invocation that they belong to.
struct InvocationLines;

impl<S: Subscriber> Layer<S> for InvocationLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let _ = INVOCATION.try_with(|current| {
            // Written before the lines are borrowed: a value may log something when it is shown.
            let line = line(event);
            let mut lines = current.lines.borrow_mut();
            if lines.kept.len() < MOST_LINES {
                lines.kept.push(line);
            } else {
                lines.left_out += 1;
            }
        });
    }
}

/// A line for stdout, behind the invocation that it belongs to.
struct BehindInvocation<F>(F);

impl<S, N, F> FormatEvent<S, N> for BehindInvocation<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let written = INVOCATION.try_with(|current| write!(writer, "{}: ", current.origin));
        written.unwrap_or(Ok(()))?;
        self.0.format_event(context, writer, event)
    }
}

/// Such as `sending to everyone` or `WARN: the service is not healthy, error=no answer`.
fn line(event: &Event<'_>) -> String {
    let level = *event.metadata().level();
    let level = if level == Level::INFO { String::new() } else { format!("{level}: ") };
    let mut parts = Parts { message: level, fields: String::new() };
    event.record(&mut parts);
    let mut line = on_one_line(parts.message + &parts.fields);
    if line.len() > LONGEST_LINE {
        let end = (0..=LONGEST_LINE).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The host writes lines as they are, so a line break would begin one that nobody has logged.
fn on_one_line(text: String) -> String {
    // Nearly every line, and quickly seen: control characters beyond ASCII begin with a byte that is none.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { line.extend(character.escape_debug()) } else { line.push(character) }
    }
    line
}

struct Parts {
    /// Behind the level, where that is named.
    message: String,
    fields: String,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}={value:?}"),
        };
        written.expect("a string takes every write");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::with_default;

    fn lines_of(work: impl FnOnce()) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let work = collected(Origin::made_up("broadcast"), async { work() });
        with_default(subscriber(&Targets::new().with_default(Level::INFO)), || runtime.block_on(work).1)
    }

    #[test]
    fn events_are_lines_with_their_level_unless_it_is_the_usual_one() {
        let lines = lines_of(|| {
            tracing::info!(group = "red", "joined");
            tracing::warn!(error = %"no answer", attempts = 3, "not healthy");
            tracing::debug!("unseen");
        });
        assert_eq!(lines, ["joined, group=red", "WARN: not healthy, error=no answer, attempts=3"]);
    }

    #[test]
    fn a_line_is_one_line_and_not_endless() {
        let lines = lines_of(|| tracing::info!("a\nb\u{1b}[31m{}", "é".repeat(5000)));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with(r"a\nb\u{1b}[31mé"), "{}", lines[0]);
        assert!(lines[0].len() <= LONGEST_LINE + "…".len());
    }

    #[test]
    fn lines_beyond_the_bound_are_counted() {
        let lines = lines_of(|| (0..150).for_each(|number| tracing::info!("{number}")));
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (101, "50 more lines were left out"));
    }

    #[test]
    fn two_invocations_at_once_keep_their_lines_apart() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let invocation = |name: &'static str| {
            collected(Origin::made_up(name), async move {
                tracing::info!("{name} begins");
                tokio::task::yield_now().await;
                tracing::info!("{name} ends");
            })
        };
        let both = async { tokio::join!(invocation("one"), invocation("two")) };
        let ((_, one), (_, two)) =
            with_default(subscriber(&Targets::new().with_default(Level::INFO)), || runtime.block_on(both));
        assert_eq!(one, ["one begins", "one ends"]);
        assert_eq!(two, ["two begins", "two ends"]);
    }
}
