//! Whether the service tells this app of its clients. It does so only where its *upstream* setting names the app, and nothing reports a
//! missing one: the functions with a `signalRTrigger` are just never called.

use super::ONLINE;
use azure_signalr::{HubClient, UserId};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What this process has seen. Other instances of the app see other things, so what it says is a suspicion unless the service confirms it.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    let_in: AtomicU64,
    has_reported: AtomicBool,
    /// Whom to ask the service about.
    last_user: Mutex<Option<UserId>>,
}

impl Upstream {
    /// A client was given a token.
    pub(crate) fn let_in(&self, user: Option<&UserId>) {
        self.let_in.fetch_add(1, Ordering::Relaxed);
        if let Some(user) = user {
            *self.last_user.lock().unwrap_or_else(PoisonError::into_inner) = Some(user.clone());
        }
    }

    /// The service has called `connected`.
    pub(crate) fn reported(&self) {
        self.has_reported.store(true, Ordering::Relaxed);
    }

    /// Why the group of all connections may be empty although clients are connected; `None` where nothing hints at that.
    pub(crate) async fn suspicion(&self, hub: Option<&HubClient>) -> Option<String> {
        if self.has_reported.load(Ordering::Relaxed) {
            return None;
        }
        let cure = "set its upstream to this app, `https://APP.azurewebsites.net/runtime/webhooks/signalr?code=KEY`, where KEY is the system key `signalr_extension`";
        let user = self.last_user.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(user), Some(hub)) = (user, hub)
            && hub.user(&user).exists().await.unwrap_or(false)
        {
            return Some(format!(
                "the group `{ONLINE}` is empty although clients are connected, so SignalR Service does not report its clients; {cure}"
            ));
        }
        let let_in = self.let_in.load(Ordering::Relaxed);
        (let_in > 0).then(|| {
            format!(
                "the group `{ONLINE}` is empty, and SignalR Service has reported no client although tokens were given out ({let_in}); if clients are connected, {cure}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_let_in_or_somebody_reported_is_no_suspicion() {
        let upstream = Upstream::default();
        assert_eq!(upstream.suspicion(None).await, None);
        upstream.let_in(None);
        assert!(upstream.suspicion(None).await.unwrap().contains("tokens were given out (1)"));
        upstream.reported();
        assert_eq!(upstream.suspicion(None).await, None);
    }
}
