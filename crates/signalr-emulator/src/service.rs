//! What both sides of the service share: the hubs, who is believed, and who is told.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use azure_signalr::AccessKey;
use http::{HeaderMap, HeaderName, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticator;
use crate::events::{Event, Reporter, RestCall, Surface};
use crate::hub::Hubs;
use crate::parameters::Parameters;
use crate::places::Places;
use crate::upstream::UpstreamCaller;
use crate::{ApiVersions, EmulatorOptions, TimeSource};

/// How many unknown versions are remembered, so that callers cannot fill the memory with them.
const VERSIONS_LIMIT: usize = 100;

/// By which a caller knows its call. The header is common among the services of Azure.
const CORRELATION: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// How much of it is kept.
const CORRELATION_LIMIT: usize = 128;

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
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) time: TimeSource,
    calls: AtomicU64,
    warned_versions: Mutex<HashSet<String>>,
    warned_of_packed_bodies: Once,
}

impl Service {
    pub(crate) fn new(options: &EmulatorOptions, shutdown: CancellationToken) -> Self {
        let time = options.server.time.clone();
        let reporter = Arc::new(Reporter::new(time.clone()));
        Self {
            authenticator: Authenticator::new(options),
            primary_key: options.access_keys.primary.clone(),
            hubs: Hubs::default(),
            places: Places::new(options.connection_limit),
            api_versions: options.api_versions,
            invocation_timeout: options.invocation_timeout,
            upstream: UpstreamCaller::new(options, Arc::clone(&reporter), shutdown),
            reporter,
            time,
            calls: AtomicU64::new(1),
            warned_versions: Mutex::default(),
            warned_of_packed_bodies: Once::new(),
        }
    }

    /// Reports a request that is answered with an error, and that nothing else is known of.
    pub(crate) fn report_refusal(&self, surface: Surface, status: StatusCode, reason: String) {
        self.reporter.report(Event::Refused { surface, status, reason, call: None, claims: None });
    }

    /// Numbers a call of the REST interface.
    pub(crate) fn next_call(&self, headers: &HeaderMap) -> RestCall {
        let correlation = headers.get(CORRELATION).and_then(|value| value.to_str().ok());
        let correlation = correlation.map(|text| text.chars().take(CORRELATION_LIMIT).collect());
        RestCall { id: self.calls.fetch_add(1, Relaxed), correlation }
    }

    /// How Azure reads them is not published, so that it may want them otherwise.
    pub(crate) fn warn_of_packed_bodies(&self) {
        self.warned_of_packed_bodies.call_once(|| {
            tracing::warn!(
                "a body of `application/x-msgpack` is taken for a map with `target` and `arguments`; what Azure takes is \
                 not published, so send `application/json` where you can"
            );
        });
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
