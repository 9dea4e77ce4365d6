//! What both sides of the service share: the hubs, who is believed, and who is told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_signalr::AccessKey;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticator;
use crate::events::{Event, Observer, Surface};
use crate::hub::Hubs;
use crate::metrics::Metrics;
use crate::parameters::Parameters;
use crate::places::Places;
use crate::upstream::UpstreamCaller;
use crate::{ApiVersions, EmulatorOptions};

/// How many unknown versions are remembered, so that callers cannot fill the memory with them.
const VERSIONS_LIMIT: usize = 100;

/// The state of one emulator.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) authenticator: Authenticator,
    /// Signs what the service itself issues.
    pub(crate) primary_key: AccessKey,
    pub(crate) hubs: Hubs,
    pub(crate) upstream: UpstreamCaller,
    pub(crate) places: Places,
    pub(crate) api_versions: ApiVersions,
    pub(crate) invocation_timeout: Duration,
    pub(crate) observer: Observer,
    pub(crate) metrics: Arc<Metrics>,
    warned_versions: Mutex<HashSet<String>>,
}

impl Service {
    pub(crate) fn new(options: &EmulatorOptions, shutdown: CancellationToken) -> Self {
        let metrics: Arc<Metrics> = Arc::default();
        let observer = metrics.counting(options.observer.clone());
        Self {
            authenticator: Authenticator::new(options),
            primary_key: options.access_keys.primary.clone(),
            hubs: Hubs::default(),
            places: Places::new(options.connection_limit),
            api_versions: options.api_versions,
            invocation_timeout: options.invocation_timeout,
            upstream: UpstreamCaller::new(options, observer.clone(), shutdown),
            observer,
            metrics,
            warned_versions: Mutex::default(),
        }
    }

    /// Reports a request that is answered with an error.
    pub(crate) fn report_refusal(&self, surface: Surface, status: StatusCode, reason: String) {
        self.observer.report(&Event::Refused { surface, status, reason });
    }

    /// Any `api-version` is served (signalr-service 8.2); one from the future is warned about, once.
    pub(crate) fn warn_of_newer_version(&self, parameters: &Parameters) {
        let Some(version) = parameters.unknown_newer_version() else { return };
        let mut warned = self.warned_versions.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < VERSIONS_LIMIT && warned.insert(version.to_owned()) {
            tracing::warn!(version, "this api-version is newer than the emulator; calls are served like 2024-12-01");
        }
    }
}
