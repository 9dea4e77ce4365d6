//! What "status" is and how it is gathered.

use crate::App;
use crate::api::StatusUpdate;
use crate::error::chain;
use jiff::Timestamp;

/// A service that is not well is not asked for anything more.
pub(crate) async fn gather(app: &App) -> StatusUpdate {
    let now =
        Timestamp::from_second(Timestamp::now().as_second()).expect("the present without its fraction is in range");
    let services_healthy = app.service.is_healthy().await;
    let active_users = if services_healthy == Some(true) { active_users(app).await } else { None };
    StatusUpdate { timestamp: now.to_string(), services_healthy, active_users }
}

/// `None` when it is not known, which a made-up number would hide.
async fn active_users(app: &App) -> Option<u32> {
    let hub = app.service.hub()?;
    let census = app.counter.census(Some(hub.clone())).await;
    let census = census.inspect_err(|error| tracing::warn!(error = chain(error), "the users are not counted")).ok()?;
    if census.is_empty()
        && let Some(suspicion) = app.upstream.suspicion(Some(&hub)).await
    {
        tracing::warn!("the users are not counted: {suspicion}");
        return None;
    }
    Some(census.active_users())
}
