//! The catalogue of warnings, `docs/errors.md`, by code: what it means and what to do about it.
//!
//! Easily missed: the text is the file itself, put in when this crate is built. `functions-host` tests that it knows every code.

use serde::Serialize;

const CATALOGUE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md"));

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// For example `FH1001`.
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// What it means; Markdown.
    pub(crate) meaning: &'static str,
    /// What to do; Markdown.
    pub(crate) cure: &'static str,
}

/// The entry of a code.
pub(crate) fn entry(code: &str) -> Option<Entry> {
    CATALOGUE.split("\n### ").skip(1).filter_map(read).find(|entry| entry.code == code)
}

fn read(section: &'static str) -> Option<Entry> {
    let (heading, text) = section.split_once('\n')?;
    let (code, title) = heading.split_once(": ")?;
    let text = text.split("\n## ").next().unwrap_or_default();
    let (meaning, cure) = text.split_once("\nCure: ")?;
    Some(Entry { code, title, meaning: meaning.trim(), cure: cure.trim() })
}

/// The code in brackets at the end of an error, for example `[FH1014]`.
pub(crate) fn code_in(error: &str) -> Option<&'static str> {
    let (_, code) = error.strip_suffix(']')?.rsplit_once('[')?;
    entry(code).map(|entry| entry.code)
}

#[cfg(test)]
mod tests {
    use functions_host::warnings::WarningCode;

    use super::*;

    #[test]
    fn every_warning_has_its_meaning_and_its_cure() {
        for code in WarningCode::ALL {
            let entry = entry(code.id()).unwrap_or_else(|| panic!("{code} is in the catalogue"));
            assert_eq!(entry.title, code.title());
            assert!(entry.meaning.len() > 20 && entry.cure.len() > 10, "{entry:?}");
        }
    }

    #[test]
    fn an_error_may_end_with_its_code() {
        assert_eq!(code_in("the handler answered 200 with nothing [FH1014]"), Some("FH1014"));
        assert_eq!(code_in("no code [FH9999]"), None);
        assert_eq!(code_in("no code"), None);
    }
}
