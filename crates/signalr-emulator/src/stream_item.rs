//! The body of a stream's `:send`: the item itself as JSON or MessagePack, or a `StreamItem` framed already for each hub
//! protocol.
//!
//! The schema is not documented; JSON and frames are what the SDK writes. The item is never wrapped in an object.

use bytes::Bytes;
use serde_json::value::RawValue;
use signalr_server::{HubProtocol, Payload, ServerMessage};

use crate::message::{BodyError, Format};
use crate::{frames, packed};

/// One item, as it came.
#[derive(Debug)]
pub(crate) enum StreamItem {
    Item(Payload),
    Frames(Vec<(HubProtocol, Bytes)>),
}

impl StreamItem {
    /// Reads an item of `stream`.
    pub(crate) fn parse(format: Format, stream: &str, body: &[u8]) -> Result<Self, BodyError> {
        match format {
            Format::Json => {
                let item: Box<RawValue> = serde_json::from_slice(body).map_err(BodyError::Malformed)?;
                Ok(Self::Item(Payload::from_json(item)))
            }
            Format::MessagePack => packed::read_item(body).map(Self::Item),
            Format::FrameMap => frames::read_stream_item(stream, body).map(Self::Frames).map_err(BodyError::NotFrames),
        }
    }

    /// What the client gets.
    pub(crate) fn to_client(&self, stream: &str) -> ServerMessage {
        match self {
            Self::Item(item) => ServerMessage::stream_item(stream, item.clone()),
            Self::Frames(frames) => ServerMessage::encoded(frames.iter().cloned()),
        }
    }

    /// How large it is, before it is framed. Of whole messages the largest counts.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Item(item) => item.json().get().len(),
            Self::Frames(frames) => frames.iter().map(|(_, frame)| frame.len()).max().unwrap_or_default(),
        }
    }
}
