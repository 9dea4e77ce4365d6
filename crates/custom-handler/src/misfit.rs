//! What is wrong with JSON, without a word of the JSON itself.
//!
//! serde quotes the value that it stumbles over, and here that may be the access token of a client. Where it is and of which sort
//! the mistake is are enough to find it.

use serde_json::error::Category;
use std::fmt;

/// Why JSON could not be read, and where. It repeats nothing of the text, so it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// The sort of mistake.
    pub category: Category,
    /// The line, from 1; 0 when it is not known.
    pub line: usize,
    /// The column in bytes, from 1; 0 when it is not known or before the first byte.
    pub column: usize,
}

impl From<serde_json::Error> for Misfit {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.category {
            Category::Data => "JSON of another shape",
            Category::Syntax => "not JSON",
            Category::Eof => "JSON that ends too early",
            Category::Io => "JSON that could not be read to its end",
        })?;
        if self.line == 0 { Ok(()) } else { write!(f, " at line {} column {}", self.line, self.column) }
    }
}

impl std::error::Error for Misfit {}
