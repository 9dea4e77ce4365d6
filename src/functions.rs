//! The table of functions: one line per folder with a function.json. The folder and the path share a name, which is what the host calls;
//! a folder that has no line here is a function that fails at every call, and a test says so.

mod client_events;
mod groups;
mod negotiate;
mod presence;
mod send;
mod status_update;
#[cfg(test)]
pub(crate) mod tests;

use crate::App;
use crate::invocation::{event, http};
use axum::Router;

/// The routes that the host calls, and what answers them.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/negotiate", http(negotiate::negotiate))
        .route("/broadcast", http(send::broadcast))
        .route("/sendToUser", http(send::send_to_user))
        .route("/sendToGroup", http(send::send_to_group))
        .route("/userInGroup", http(groups::user_in_group))
        .route("/connectionInGroup", http(groups::connection_in_group))
        .route("/userGroups", http(groups::user_groups))
        .route("/presence", http(presence::presence))
        .route("/userPresence", http(presence::user_presence))
        .route("/connected", event(client_events::connected))
        .route("/joinGroup", event(client_events::join_group))
        .route("/leaveGroup", event(client_events::leave_group))
        .route("/statusUpdate", event(status_update::status_update))
}
