//! A text that is shown: bounded, and without secrets.

use functions_host::events::Excerpt;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use crate::mask::masked;

/// The beginning of a body or of a value. As JSON: `{"text", "bytes", "cut"}`, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Excerpt);

impl Text {
    /// What it takes of the memory that is set aside for chains.
    pub(crate) fn weight(&self) -> usize {
        self.0.text().len()
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = serializer.serialize_struct("Text", 3)?;
        text.serialize_field("text", &masked(self.0.text()))?;
        text.serialize_field("bytes", &self.0.total())?;
        text.serialize_field("cut", &(self.0.total() > Excerpt::LIMIT))?;
        text.end()
    }
}
