//! The lines of the command itself, for people.
//!
//! Easily missed: programs wait for the line that begins with `Ready:`, so it stays as it is.

use super::News;
use functions_host::console::{Colour, Style};
use functions_host::events::{ListedFunction, ListedTrigger};
use jiff::Timestamp;
use local_stack::{BuildNews, Freshness, LocalStack};
use std::fmt::Write as _;

/// How many calls are suggested.
const SUGGESTIONS: usize = 3;

#[derive(Clone, Copy)]
enum Ink {
    News,
    Good,
    Bad,
}

/// The text of some news, with a line break at its end.
pub(super) fn of_news(news: &News<'_>, style: Style) -> String {
    match news {
        News::Building => line(style, Ink::News, "Building the handler."),
        News::Build(BuildNews::Progress(text)) => format!("{text}\n"),
        News::Build(BuildNews::Diagnostic(text)) => format!("{text}\n\n"),
        News::Built { seconds, freshness: Freshness::New } => {
            line(style, Ink::News, &format!("The handler was built in {seconds:.1} s."))
        }
        News::Built { .. } => line(style, Ink::News, "The handler is up to date."),
        News::Reloaded(Some(process)) => line(style, Ink::Good, &format!("Reloaded: pid={process}")),
        News::Reloaded(None) => line(style, Ink::Good, "Reloaded: pid=none"),
        News::Failed { error, goes_on } => line(style, Ink::Bad, &format!("Not reloaded; {goes_on}: {error}")),
        News::Waiting { reason, until } => {
            line(style, Ink::Bad, &format!("{reason}; nothing serves until you change {until}. Ctrl-C ends all of it."))
        }
        News::Stopping => "\nStopping; Ctrl-C again ends it at once.\n".to_owned(),
    }
}

/// How to reach the stack and what to try.
pub(super) fn ready(stack: &LocalStack, functions: &[ListedFunction]) -> String {
    let (service, ends) = match stack.connection_string() {
        Some(connection_string) => (
            format!("SignalR emulator, in place of Azure SignalR Service:\n\n\t{connection_string}\n"),
            "the handler, the host and the emulator",
        ),
        None => ("SignalR service: the one of the settings\n".to_owned(), "the handler and the host"),
    };
    let signalr = stack.signalr_url().unwrap_or_else(|| "none".to_owned());
    let inspector = stack.inspector_url().unwrap_or_else(|| "none".to_owned());
    let look = stack.inspector_url().map(|url| format!("\nInspector, to see what happens and why:\n\n\t{url}\n"));
    let handler = stack.handler_process().map_or_else(|| "none".to_owned(), |process| process.to_string());
    format!(
        "\n{service}{}{}\nCtrl-C ends {ends}.\n\nReady: host={} signalr={signalr} inspector={inspector} pid={handler}\n",
        look.unwrap_or_default(),
        suggestions(functions),
        stack.host_url()
    )
}

fn line(style: Style, ink: Ink, text: &str) -> String {
    let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    let code = match ink {
        Ink::News => "36",
        Ink::Good => "32",
        Ink::Bad => "31",
    };
    match style.colour {
        Colour::Never => format!("[{time}] {text}\n"),
        Colour::Always => format!("[{time}] \u{1b}[{code}m{text}\u{1b}[0m\n"),
    }
}

/// Calls to try: of functions whose address needs nothing to be filled in.
fn suggestions(functions: &[ListedFunction]) -> String {
    let mut text = String::new();
    let callable =
        functions.iter().filter(|function| !function.disabled).filter_map(|function| match &function.trigger {
            ListedTrigger::Http { methods, url } if !url.contains('{') => Some((methods, url)),
            _ => None,
        });
    for (methods, url) in callable.take(SUGGESTIONS) {
        let has = |method: &str| methods.is_empty() || methods.iter().any(|declared| declared == method);
        let _ = match methods.first() {
            _ if has("GET") => writeln!(text, "\tcurl {url}"),
            _ if has("POST") => writeln!(text, "\tcurl {url} -d '{{\"message\":\"hi\"}}'"),
            Some(method) => writeln!(text, "\tcurl -X {method} {url}"),
            None => Ok(()),
        };
    }
    if text.is_empty() { text } else { format!("\nTry it:\n\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(news: &News<'_>, expected: &str) {
        let text = of_news(news, Style::default());
        let text = text.split_once("] ").map_or(text.as_str(), |(_, text)| text);
        assert_eq!(text, expected);
    }

    #[test]
    fn news_is_one_line_each_and_the_compilers_messages_are_left_as_they_are() {
        check(&News::Building, "Building the handler.\n");
        check(&News::Build(&BuildNews::Progress("   Compiling a v1".to_owned())), "   Compiling a v1\n");
        check(&News::Build(&BuildNews::Diagnostic("error: a\n --> b".to_owned())), "error: a\n --> b\n\n");
        check(&News::Built { seconds: 1.26, freshness: Freshness::New }, "The handler was built in 1.3 s.\n");
        check(&News::Built { seconds: 0.1, freshness: Freshness::Unchanged }, "The handler is up to date.\n");
        check(&News::Reloaded(Some(7)), "Reloaded: pid=7\n");
        check(&News::Failed { error: "why", goes_on: "so" }, "Not reloaded; so: why\n");
        let waiting = News::Waiting { reason: "why", until: "that" };
        check(&waiting, "why; nothing serves until you change that. Ctrl-C ends all of it.\n");
    }

    #[test]
    fn colours_are_used_where_they_are_wanted() {
        let style = Style { colour: Colour::Always, ..Style::default() };
        assert!(of_news(&News::Reloaded(None), style).contains("\u{1b}[32mReloaded"));
    }
}
