//! The readiness probe (functions-host 1.5).
//!
//! Easily missed: *any* answer means ready, also 404 and 500, and so does any error other than a failed connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use tokio::time::MissedTickBehavior;

use super::{CallError, HandlerClient};
use crate::events::{LogLevel, Observer};

const INTERVAL: Duration = Duration::from_millis(25);

/// Asks for `/` until somebody answers; false when nobody does within `timeout`.
pub(super) async fn until_ready(
    http: &HandlerClient,
    address: SocketAddr,
    timeout: Duration,
    observer: &Observer,
) -> bool {
    tokio::time::timeout(timeout, ask(http, address, observer)).await.is_ok()
}

async fn ask(http: &HandlerClient, address: SocketAddr, observer: &Observer) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        interval.tick().await;
        match http.begin(Request::new(Body::empty())).await {
            Err(CallError::Refused(_)) => {
                // The real host says it every time.
                if std::mem::take(&mut is_first) {
                    let text = format!(
                        "Waiting for HttpWorker to be initialized. Request to: http://{address}/ failing with exception \
                         message: Connection refused ({address})"
                    );
                    observer.log(LogLevel::Debug, text);
                }
            }
            Ok(_) | Err(_) => return,
        }
    }
}
