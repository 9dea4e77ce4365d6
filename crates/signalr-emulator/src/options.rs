//! What an emulator may be started with. The defaults are those of the official emulator, but for its laxness.

use std::time::Duration;

use azure_signalr::AccessKey;
use signalr_server::{ServerOptions, StatefulReconnect};

use crate::{TimeSource, Upstream};

/// The key of the official emulator, known to everybody (signalr-service 5.4).
pub const DEFAULT_ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

/// The largest hub message of a client. The service sets no limit for WebSockets (signalr-service 2.7); a process on a
/// developer's machine has one, so that a runaway client cannot fill the memory.
const MAXIMUM_CLIENT_MESSAGE: usize = 16 * 1024 * 1024;

/// How long an invocation of a client may be pending (signalr-service 7).
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How an emulator behaves.
#[derive(Debug, Clone)]
pub struct EmulatorOptions {
    /// The keys with which tokens may be signed.
    pub access_keys: AccessKeys,
    /// What is asked of a token.
    pub checks: Checks,
    /// Further host names in the audience of a token, beside `localhost` and the one of the request's `Host` header: the
    /// host of `Endpoint=` where clients reach the emulator by another name, as with containers.
    pub hosts: Vec<String>,
    /// Which `api-version` a REST call may ask for.
    pub api_versions: ApiVersions,
    /// How many clients may be connected at the same time, over all hubs: 20 in the free tier, 1,000 per unit in the
    /// standard one (signalr-service 6.1). Further ones get 429. No limit by default.
    pub connection_limit: Option<usize>,
    /// How long `:invoke` waits for the result of a client; 10 minutes.
    pub invocation_timeout: Duration,
    /// Where the service reports what clients do; nowhere by default.
    pub upstream: Upstream,
    /// Timeouts and limits of client connections, and the clock by which tokens and memberships end.
    pub server: ServerOptions,
}

/// The keys of the service. Each is as good as the other (signalr-service 1.7 item 1).
#[derive(Debug, Clone)]
pub struct AccessKeys {
    /// Signs what the emulator itself issues and is part of its connection string.
    pub primary: AccessKey,
    /// Accepted as well, for practising the rotation of keys.
    pub secondary: Option<AccessKey>,
}

/// What is asked of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checks {
    /// What Azure asks: signature, expiry, audience and hub.
    #[default]
    Strict,
    /// The signature and nothing else, as the official emulator does (signalr-service 5.7 item 1).
    Lenient,
}

/// Which `api-version` a REST call may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersions {
    /// Any, and none. A version that is newer than those described so far is warned about.
    #[default]
    Any,
    /// Those that are described, and none; any other is answered with 400. What Azure answers is not known.
    Described,
}

impl Default for EmulatorOptions {
    fn default() -> Self {
        // signalr-service 2.7: errors are told in detail (item 12), and clients may come back to their connection (item 11).
        let server = ServerOptions {
            maximum_message_size: Some(MAXIMUM_CLIENT_MESSAGE),
            detailed_errors: true,
            stateful_reconnect: StatefulReconnect::Enabled,
            ..ServerOptions::default()
        };
        Self {
            access_keys: AccessKeys::default(),
            checks: Checks::default(),
            hosts: Vec::new(),
            api_versions: ApiVersions::default(),
            connection_limit: None,
            invocation_timeout: INVOCATION_TIMEOUT,
            upstream: Upstream::default(),
            server,
        }
    }
}

impl EmulatorOptions {
    /// The same service by another clock: it judges the times of tokens, when a connection closes because its token
    /// expires, how long a user belongs to a group, and the time of events. Call [`TimeSource::has_jumped`] after the
    /// clock was set, so that what has ended by then ends at once.
    #[must_use]
    pub fn with_time(mut self, time: TimeSource) -> Self {
        self.server.time = time;
        self
    }
}

impl Default for AccessKeys {
    fn default() -> Self {
        Self { primary: AccessKey::new(DEFAULT_ACCESS_KEY), secondary: None }
    }
}

impl AccessKeys {
    /// Both keys, the primary one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &AccessKey> {
        std::iter::once(&self.primary).chain(&self.secondary)
    }
}
