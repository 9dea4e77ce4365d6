//! Reading the body of a request, up to what the service takes.
//!
//! A body that is too large is still read for a while: a caller that is cut off while it writes sees a broken connection
//! and never the 413.

use axum::body::Body;
use http_body_util::BodyExt;

/// The largest body: 1 MB (signalr-service 1.9).
const LIMIT: usize = 1024 * 1024;
/// How much of a larger one is read before the caller is cut off.
const PATIENCE: usize = 64 * 1024 * 1024;

/// Why there is no body to work with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// 413.
    #[error("the body is larger than 1 MB")]
    TooLarge,
    /// The caller went away, or its chunks are not what they should be.
    #[error("the body ended early: {0}")]
    Broken(axum::Error),
}

/// The whole body.
pub(super) async fn read(mut body: Body) -> Result<Vec<u8>, Unread> {
    let mut whole = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
        length += data.len();
        if length <= LIMIT {
            whole.extend_from_slice(&data);
        } else if length <= PATIENCE {
            whole = Vec::new();
        } else {
            break;
        }
    }
    if length <= LIMIT { Ok(whole) } else { Err(Unread::TooLarge) }
}
