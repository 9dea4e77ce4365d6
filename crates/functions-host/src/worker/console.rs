//! The handler's output, line by line, at the levels of functions-host 1.7.
//!
//! Easily missed: with the default setting every line on stderr is an error, whatever it says, unless it contains `warn`. A
//! handler should log to stdout.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

use crate::app::StderrLevel;
use crate::events::{HostEvent, LogLevel, Observer, Stream};
use crate::warnings::{Warning, WarningCode};

const STDERR_IS_ERROR: &str =
    "what the handler writes to standard error counts as an error, whatever it says; log to standard output";

/// Longer lines are cut, so that a handler without line breaks cannot fill the memory of the host.
const LONGEST_LINE: usize = 64 * 1024;

/// The last error lines, which explain an exit.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorLines(Arc<Mutex<VecDeque<String>>>);

impl ErrorLines {
    const KEPT: usize = 3;

    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines, joined as the real host joins them.
    pub(super) fn joined(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>().join(",")
    }
}

/// Tells every line of the handler's stdout, until it ends.
pub(super) async fn tell_stdout(pipe: impl AsyncRead + Unpin, observer: Observer) {
    let mut reader = BufReader::new(pipe);
    while let Some(line) = next_line(&mut reader).await {
        tell(&observer, LogLevel::Information, Stream::Stdout, line);
    }
}

/// Tells every line of the handler's stderr, until it ends.
pub(super) async fn tell_stderr(
    pipe: impl AsyncRead + Unpin,
    rule: StderrLevel,
    errors: ErrorLines,
    observer: Observer,
) {
    let mut reader = BufReader::new(pipe);
    while let Some(line) = next_line(&mut reader).await {
        let level = stderr_level(&line, rule);
        if level == LogLevel::Error {
            errors.add(line.clone());
        }
        if level == LogLevel::Error && rule == StderrLevel::Error {
            observer.warn(Warning::new(WarningCode::StderrIsError, STDERR_IS_ERROR));
        }
        tell(&observer, level, Stream::Stderr, line);
    }
}

fn tell(observer: &Observer, level: LogLevel, stream: Stream, line: String) {
    if let Some(text) = line.strip_prefix("LanguageWorkerConsoleLog") {
        // Meant for the host's own log.
        observer.log(level, text);
    } else if line.starts_with("azfuncjsonlog:") {
        // Meant for tools that start the host; there are none here.
        observer.log(LogLevel::Debug, line);
    } else {
        observer.tell(&HostEvent::Console { level, stream, line });
    }
}

fn stderr_level(line: &str, rule: StderrLevel) -> LogLevel {
    let line = line.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
    match rule {
        _ if says(&["warn"]) => LogLevel::Warning,
        StderrLevel::Error => LogLevel::Error,
        StderrLevel::ByContent if says(&["error", "fail", "severe", "unhandled exception"]) => LogLevel::Error,
        StderrLevel::ByContent => LogLevel::Information,
    }
}

/// The next line without its line break; `None` at the end. What is longer than [`LONGEST_LINE`] is left out.
async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let mut left_out = 0;
    loop {
        let chunk = reader.fill_buf().await.unwrap_or_default();
        if chunk.is_empty() {
            return (!line.is_empty()).then(|| finished(&line, left_out));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        let room = LONGEST_LINE.saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(&part[..room]);
        left_out += part.len() - room;
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Some(finished(&line, left_out));
        }
    }
}

fn finished(line: &[u8], left_out: usize) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    if left_out == 0 { text.to_owned() } else { format!("{text}… ({left_out} more bytes)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, by_default: LogLevel, by_content: LogLevel) {
        assert_eq!(stderr_level(line, StderrLevel::Error), by_default, "{line}");
        assert_eq!(stderr_level(line, StderrLevel::ByContent), by_content, "{line}");
    }

    #[test]
    fn a_line_on_stderr_is_an_error_unless_it_warns() {
        use LogLevel::{Error, Information, Warning};
        check("WARNING: low", Warning, Warning);
        check("an error, but with a warn in it", Warning, Warning);
        check("all is well", Error, Information);
        check("ERROR", Error, Error);
        check("it Failed", Error, Error);
        check("Severe", Error, Error);
        check("Unhandled Exception: x", Error, Error);
    }

    async fn lines(text: &[u8]) -> Vec<String> {
        let mut reader = BufReader::with_capacity(7, text);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader).await {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_end_at_line_breaks_or_at_the_end() {
        assert_eq!(lines(b"one\r\n\ntwo lines or more\nthree").await, ["one", "", "two lines or more", "three"]);
        assert_eq!(lines(b"").await, Vec::<String>::new());
        assert_eq!(lines(b"\xff\n").await, ["\u{fffd}"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let mut text = vec![b'x'; LONGEST_LINE + 5];
        text.extend_from_slice(b"\nnext\n");
        let lines = lines(&text).await;
        assert!(lines[0].ends_with("x… (5 more bytes)"));
        assert_eq!(lines[1], "next");
    }

    #[tokio::test]
    async fn the_last_three_error_lines_explain_an_exit() {
        let errors = ErrorLines::default();
        let text: &[u8] = b"one\ntwo\n\nwarn\nthree\nfour\n";
        tell_stderr(text, StderrLevel::Error, errors.clone(), Observer::silent()).await;
        assert_eq!(errors.joined(), "three,four");
    }
}
