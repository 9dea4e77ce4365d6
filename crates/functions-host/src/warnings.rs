//! What the host warns of, each kind with a code that stays the same.
//!
//! `docs/errors.md` explains every code: what it means, what the real host does, and the cure. A test compares the two. Errors
//! of the real host keep its words; where they have a code, it stands at their end in brackets.

use std::fmt;

/// One thing that would surprise on the real host, or that surprises because it is imitated here.
///
/// Displays as one line: `FH1001 broadcast: …; the cure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Its kind.
    pub code: WarningCode,
    /// The function or file that it is about, if there is one.
    pub about: Option<String>,
    /// What happens and, after a semicolon, what to do about it; or the real host's own words.
    pub text: String,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, text: impl Into<String>) -> Warning {
        Warning { code, about: None, text: text.into() }
    }

    /// The same, about a function or a file.
    pub(crate) fn about(self, subject: impl Into<String>) -> Warning {
        Warning { about: Some(subject.into()), ..self }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some(subject) = &self.about {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
impl PartialEq<&str> for Warning {
    fn eq(&self, text: &&str) -> bool {
        self.text == *text
    }
}

macro_rules! codes {
    ($($name:ident $id:literal $title:literal,)*) => {
        /// The kind of a [`Warning`]. Displays as its code, for example `FH1001`. Variants may be added, and codes are never
        /// used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum WarningCode {
            $(#[doc = concat!("`", $id, "`: ", $title, ".")] $name,)*
        }

        impl WarningCode {
            /// All of them, in the order of their codes.
            pub const ALL: &[WarningCode] = &[$(WarningCode::$name),*];

            /// The code, for example `FH1001`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(WarningCode::$name => $id,)*
                }
            }

            /// What it is about, as the heading in `docs/errors.md`.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(WarningCode::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    // What the handler answers.
    UndeclaredOutput "FH1001" "An output that no binding declares",
    OutputLetterCase "FH1002" "An output in another letter case",
    Base64Output "FH1003" "A text output that happens to be base64",
    RewrittenDate "FH1004" "A date that the host rewrites",
    StatusIgnored "FH1005" "`status` without `statusCode`",
    IgnoredResponseMember "FH1006" "A member of the response that the host ignores",
    JsonAsText "FH1007" "JSON sent as plain text",
    ArrayBody "FH1008" "An array as body of a returned response",
    HeaderOfTheServer "FH1009" "A header that belongs to the web server",
    DuplicateHeader "FH1010" "A header given twice",
    UnsendableResponse "FH1011" "A response that cannot be sent",
    RemoveAllByConnection "FH1012" "`removeAll` with a connection",
    ActionName "FH1013" "`actionName` instead of `action`",
    NothingAnswered "FH1014" "An answer without a body",
    // What function.json says.
    FunctionInError "FH2001" "A function in error",
    AzureOnlyBinding "FH2002" "A binding that only Azure runs",
    HiddenRoute "FH2003" "A route hidden by another one",
    UnusableHubName "FH2004" "A hub name that cannot be used",
    UnusableConnection "FH2005" "A missing or unusable connection string",
    MissingBindingValue "FH2006" "A binding expression without a value",
    EmptyUserId "FH2007" "An empty user id",
    IgnoredConnection "FH2008" "`connection` on a SignalR binding",
    RetriesOfTrigger "FH2009" "Retries of a trigger that will not have them",
    ScheduleWithoutSeconds "FH2010" "A schedule without seconds",
    ScheduleAsInterval "FH2011" "A schedule that is an interval",
    // What host.json and the settings say.
    AnyOriginWithCredentials "FH3001" "Any origin together with credentials",
    UnmatchedOrigin "FH3002" "An origin that never matches",
    WorkerRuntime "FH3003" "`FUNCTIONS_WORKER_RUNTIME` is not `custom`",
    StorageMissing "FH3004" "`AzureWebJobsStorage` is missing",
    StorageEmpty "FH3005" "`AzureWebJobsStorage` is empty",
    FunctionAllowList "FH3006" "host.json limits the functions",
    SkippedSetting "FH3007" "A local setting that does not count",
    ExampleSettings "FH3008" "Settings taken from the example file",
    HttpWorkerSection "FH3009" "The older section `httpWorker`",
    HandlerTypeNone "FH3010" "A custom handler of type None",
    HandlerPort "FH3011" "A fixed port for the handler",
    HandlerRoutes "FH3012" "Routes in host.json",
    Proxying "FH3013" "`enableProxyingHttpRequest`",
    ScheduleNotKept "FH3014" "A schedule that cannot be kept",
    ConfigurationProfile "FH3015" "`configurationProfile`",
    AnyOriginWithoutCredentials "FH3016" "Any origin without credentials",
    SeveralEndpoints "FH3017" "Several SignalR endpoints",
    ExtensionSettings "FH3018" "A setting of the SignalR extension without effect",
    TimeZone "FH3019" "A time zone of the app's own",
    ExecutablePath "FH3020" "A handler that is not packed as a program",
    // What callers send.
    ChunkedBody "FH4001" "A request body in chunks",
    UpstreamSignature "FH4002" "An upstream event with a wrong signature",
    UpstreamWithoutFunction "FH4003" "An upstream event that no function wants",
    UnreadableUpstream "FH4004" "An upstream event that cannot be read",
    DisabledFunctionRuns "FH4005" "A disabled function that runs",
    // The handler's process.
    StderrIsError "FH5001" "Logs on standard error",
    FunctionTimeout "FH5002" "A function that takes too long",
    HandlerStaysAlive "FH5003" "A handler that does not end",
    HandlerLeft "FH5004" "A handler that ended by itself",
    RestartsWithoutEnd "FH5005" "A handler that asks to be restarted again and again",
    NotRestarted "FH5006" "A restart that changed nothing",
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md"));

    /// Code, title and text of each entry of the catalogue.
    fn entries() -> Vec<(&'static str, &'static str, &'static str)> {
        let sections = CATALOGUE.split("\n### ").skip(1);
        let entry = |section: &'static str| {
            let (heading, text) = section.split_once('\n').expect("an entry has more than its heading");
            let (code, title) = heading.split_once(": ").expect("a heading is `code: title`");
            (code, title, text.split("\n## ").next().unwrap_or_default())
        };
        sections.map(entry).collect()
    }

    #[test]
    fn every_code_is_explained_in_the_catalogue_and_the_catalogue_knows_no_others() {
        let ours: Vec<_> = WarningCode::ALL.iter().map(|code| (code.id(), code.title())).collect();
        let explained: Vec<_> = entries().into_iter().map(|(code, title, _)| (code, title)).collect();
        assert_eq!(explained, ours);
    }

    #[test]
    fn every_entry_of_the_catalogue_has_a_cure() {
        for (code, _, text) in entries() {
            assert!(text.contains("\nCure: "), "{code} has no line `Cure: …`");
            assert!(text.trim_start().split("\nCure: ").all(|part| part.trim().len() > 20), "{code} says too little");
        }
    }

    #[test]
    fn codes_are_in_order_and_none_is_used_twice() {
        assert!(WarningCode::ALL.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    }

    #[test]
    fn a_warning_is_a_line_with_code_and_subject() {
        let warning = Warning::new(WarningCode::StatusIgnored, "it is so; do this");
        assert_eq!(warning.to_string(), "FH1005 it is so; do this");
        assert_eq!(warning.about("broadcast").to_string(), "FH1005 broadcast: it is so; do this");
    }
}
