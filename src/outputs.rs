//! The outputs that functions declare: a struct for each set of bindings, so that no function can write one that its function.json does
//! not have. A test compares them with the files.

use azure_signalr::OutputItem;
use custom_handler::HttpResponse;
use serde::Serialize;

/// Of a function that answers a caller and sends nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Reply {
    pub(crate) res: HttpResponse,
}

/// Of a function that answers a caller and sends messages or changes groups.
#[derive(Debug, Serialize)]
pub(crate) struct ReplyAndMessages {
    pub(crate) res: HttpResponse,
    #[serde(rename = "signalRMessages")]
    pub(crate) messages: Vec<OutputItem>,
}

/// Of a function that nobody waits for, and that sends messages or changes groups.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    /// In the order in which the host sends them. An empty list sends nothing.
    #[serde(rename = "signalRMessages")]
    pub(crate) messages: Vec<OutputItem>,
}
