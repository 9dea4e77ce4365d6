//! The handler process: started, probed, watched, restarted and ended (functions-host 1.3 to 1.8).
//!
//! Easily missed: exit code 0 is not restarted. The host stays up and every call fails with a refused connection, just as in
//! Azure.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{CustomHandler, HttpMode, Settings};
use crate::events::{AfterExit, HostEvent, LogLevel, Observer};

mod console;
mod failures;
mod probe;
mod process;

use failures::{Failures, Verdict};
use process::{Process, ProcessSettings};

/// The real host's last words after the third failure.
pub(crate) const TOO_MANY_FAILURES: &str = "Exceeded http worker restart retry count. Shutting down Functions Host";

/// Exit code with which a handler asks to be restarted, uncounted.
const RESTART_ME: i32 = 200;

const SHUTTING_DOWN: &str = "the host is shutting down";

/// A process that broke a call has left by then, or it has not and the call is all that is broken.
const TIME_TO_NOTICE: Duration = Duration::from_millis(250);

/// How to reach the handler, as long as one process of it lives.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    /// Its own client for each process, so that no connection outlives the process it leads to.
    pub(crate) http: reqwest::Client,
    worker_id: Uuid,
    /// Cancelled when the process is known to be over.
    ended: CancellationToken,
}

#[derive(Debug, Clone)]
enum State {
    /// Not ready. `attempt` is 0 for the first process.
    Starting {
        attempt: u32,
    },
    Ready(Link),
    /// The host shuts down, for this reason.
    Stopped(Arc<str>),
}

/// The handler as the rest of the host sees it; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    state: Arc<watch::Sender<State>>,
    /// Worker ids to restart. One slot is enough: a second wish for the same process is the same wish.
    restarts: mpsc::Sender<Uuid>,
    patience: Duration,
    observer: Observer,
    abandon: CancellationToken,
}

/// The task that owns the process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    state: Arc<watch::Sender<State>>,
    restarts: mpsc::Receiver<Uuid>,
    settings: WorkerSettings,
    port: u16,
    failures: Failures,
    observer: Observer,
    abandon: CancellationToken,
}

/// What a worker needs to know.
#[derive(Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) handler: CustomHandler,
    pub(crate) app_settings: Settings,
    /// Variables that the host sets for the handler beside the app settings and the port.
    pub(crate) host_variables: Vec<(String, String)>,
    pub(crate) shutdown_grace: Duration,
}

/// Why one process of the handler is over.
enum End {
    Shutdown,
    /// A function timeout: not counted.
    Restart,
    /// It left by itself, with a code other than 0.
    Exited(i32),
    Failed {
        line: String,
        error: Option<String>,
    },
}

impl Worker {
    /// A worker that is started and kept running by the returned supervisor.
    ///
    /// # Errors
    /// When no free port can be found, or that of host.json is taken.
    pub(crate) fn supervised(settings: WorkerSettings, observer: &Observer) -> std::io::Result<(Worker, Supervisor)> {
        let port = free_port(settings.handler.port)?;
        let (state, restarts) = (Arc::new(watch::Sender::new(State::Starting { attempt: 0 })), mpsc::channel(1));
        let abandon = CancellationToken::new();
        // The real host waits for the errors it allows and one more (functions-host 1.5).
        let patience = settings.handler.initialization_timeout * (failures::ALLOWED + 1);
        let worker = Worker {
            state: Arc::clone(&state),
            restarts: restarts.0,
            patience,
            observer: observer.clone(),
            abandon: abandon.clone(),
        };
        let failures = Failures::default();
        let observer = observer.clone();
        Ok((worker, Supervisor { state, restarts: restarts.1, settings, port, failures, observer, abandon }))
    }

    /// A handler that somebody else started and that listens already; nobody watches it.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn attached(address: SocketAddr, mode: HttpMode, observer: &Observer) -> reqwest::Result<Worker> {
        let ended = CancellationToken::new();
        // Nobody will notice its end, so nobody shall wait for that.
        ended.cancel();
        let link = Link { address, http: local_client(redirects(mode))?, worker_id: Uuid::nil(), ended };
        let state = Arc::new(watch::Sender::new(State::Ready(link)));
        let restarts = mpsc::channel(1).0;
        Ok(Worker {
            state,
            restarts,
            patience: Duration::ZERO,
            observer: observer.clone(),
            abandon: CancellationToken::new(),
        })
    }

    /// The same worker for an app without functions: nobody supervises it, and nobody waits for it.
    pub(crate) fn that_never_starts(self) -> Worker {
        self.state.send_replace(State::Starting { attempt: 1 });
        self
    }

    /// The way to the handler, as soon as it is ready.
    ///
    /// # Errors
    /// When the host shuts down, or the handler has not become ready for so long that the host gives up.
    pub(crate) async fn link(&self) -> Result<Link, Arc<str>> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Starting { .. }));
        match tokio::time::timeout(self.patience, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready(link) => Ok(link.clone()),
                State::Stopped(reason) => Err(Arc::clone(reason)),
                State::Starting { .. } => Err("the handler is not ready".into()),
            },
            Ok(Err(_)) => Err("the host is gone".into()),
            Err(_) => Err(self.give_up()),
        }
    }

    /// After a call that broke: gives the supervisor a moment to notice that the process is over, so that the next call waits
    /// for the next process instead of failing as well.
    pub(crate) async fn settle(&self, link: &Link) {
        let _ = tokio::time::timeout(TIME_TO_NOTICE, link.ended.cancelled()).await;
    }

    fn give_up(&self) -> Arc<str> {
        let text = "Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down";
        self.observer.log(LogLevel::Error, text);
        self.state.send_replace(State::Stopped(text.into()));
        self.abandon.cancel();
        text.into()
    }

    /// Ends the process behind `link` and starts another, for a function that has run into its timeout.
    pub(crate) fn restart(&self, link: &Link) {
        // Full means that the same process is about to be restarted anyway.
        let _ = self.restarts.try_send(link.worker_id);
    }

    /// Ends the process that is ready, if one is, and starts another.
    pub(crate) fn restart_now(&self) {
        if let State::Ready(link) = &*self.state.borrow() {
            self.restart(link);
        }
    }

    /// Returns when the first process is ready or has failed.
    pub(crate) async fn first_attempt(&self) {
        let mut state = self.state.subscribe();
        // An error would mean that the sender is gone, but this worker holds it.
        let _ = state.wait_for(|state| !matches!(state, State::Starting { attempt: 0 })).await;
    }

    /// Returns when a process is ready.
    ///
    /// # Errors
    /// The reason when the host has to shut down before that.
    pub(crate) async fn ready(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| !matches!(state, State::Starting { .. })).await.as_deref() {
            Ok(State::Stopped(reason)) => Err(Arc::clone(reason)),
            _ => Ok(()),
        }
    }

    /// Returns the reason when the host has to shut down.
    pub(crate) async fn stopped(&self) -> Arc<str> {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| matches!(state, State::Stopped(_))).await.as_deref() {
            Ok(State::Stopped(reason)) => Arc::clone(reason),
            _ => "the host is gone".into(),
        }
    }

    /// Whether the host has to shut down.
    pub(crate) fn has_stopped(&self) -> bool {
        matches!(&*self.state.borrow(), State::Stopped(_))
    }
}

impl Supervisor {
    /// Keeps the handler running until `shutdown` or the third failure. Nothing of the process is left when this returns.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut attempt = 0;
        loop {
            self.set_starting(attempt);
            let worker_id = Uuid::new_v4();
            let verdict = match self.run_process(worker_id, attempt, &shutdown).await {
                End::Shutdown => return self.stop(SHUTTING_DOWN),
                End::Restart | End::Exited(_) => self.failures.verdict(),
                End::Failed { line, error } => self.count_failure(worker_id, line, error),
            };
            if verdict == Verdict::GiveUp {
                self.observer.log(LogLevel::Error, TOO_MANY_FAILURES);
                return self.stop(TOO_MANY_FAILURES);
            }
            attempt += 1;
        }
    }

    fn count_failure(&mut self, worker_id: Uuid, line: String, error: Option<String>) -> Verdict {
        let verdict = self.failures.add(Instant::now());
        let next = if verdict == Verdict::GoOn { AfterExit::Restart } else { AfterExit::StopHost };
        self.observer.tell(&HostEvent::WorkerFailed { worker_id, line, error, next });
        verdict
    }

    async fn run_process(&mut self, worker_id: Uuid, attempt: u32, shutdown: &CancellationToken) -> End {
        let settings = ProcessSettings::new(&self.settings, worker_id, self.port);
        let mut process = match Process::start(&settings, self.settings.handler.stderr_level, &self.observer) {
            Ok(process) => process,
            Err(error) => {
                let line = format!("Failed to start Worker Channel. Process fileName: {}", settings.executable);
                return End::Failed { line, error: Some(error.to_string()) };
            }
        };
        let executable = settings.executable.clone();
        self.observer.tell(&HostEvent::WorkerStarting {
            worker_id,
            process_id: process.id(),
            executable,
            port: self.port,
        });
        let ended = CancellationToken::new();
        let mut end = self.watch(&mut process, worker_id, &ended, shutdown).await;
        if !matches!(end, End::Shutdown) {
            // From now on calls wait for the next process.
            self.set_starting(attempt + 1);
        }
        ended.cancel();
        if let End::Exited(code) = end {
            end = self.judge_exit(code, &mut process).await;
        }
        match end {
            End::Shutdown => process.shut_down(self.settings.shutdown_grace, &self.observer).await,
            End::Restart | End::Exited(_) | End::Failed { .. } => process.kill(&self.observer).await,
        }
        end
    }

    async fn judge_exit(&self, code: i32, process: &mut Process) -> End {
        if code == RESTART_ME {
            self.observer.log(LogLevel::Information, "Language Worker Process exited and needs to be restarted.");
            return End::Restart;
        }
        let line = format!("Language Worker Process exited. Pid={}.", process.id());
        End::Failed { line, error: Some(process.explain(code).await) }
    }

    /// Probes until the handler is ready, then waits for its end.
    async fn watch(
        &mut self,
        process: &mut Process,
        worker_id: Uuid,
        ended: &CancellationToken,
        shutdown: &CancellationToken,
    ) -> End {
        let http = match local_client(redirects(self.settings.handler.http_mode)) {
            Ok(http) => http,
            Err(error) => {
                return End::Failed { line: "cannot make an HTTP client".to_owned(), error: Some(error.to_string()) };
            }
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let (started, timeout) = (Instant::now(), self.settings.handler.initialization_timeout);
        let mut link = Some(Link { address, http: http.clone(), worker_id, ended: ended.clone() });
        let mut readiness = std::pin::pin!(probe::until_ready(&http, address, timeout, &self.observer));
        let mut running = true;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Shutdown,
                () = self.abandon.cancelled() => return End::Shutdown,
                code = process.wait(), if running => match code {
                    0 | RESTART_ME if link.is_some() => return ended_before_it_listened(process.id(), code),
                    0 => {
                        running = false;
                        ended.cancel();
                        self.note_quiet_exit(worker_id, process);
                    }
                    code => return End::Exited(code),
                },
                Some(wished) = self.restarts.recv() => if wished == worker_id {
                    return End::Restart;
                },
                ready = &mut readiness, if link.is_some() => match (ready, link.take()) {
                    (true, Some(link)) => self.note_ready(link, started.elapsed()),
                    _ => return not_ready_in_time(worker_id),
                },
            }
        }
    }

    fn stop(&self, reason: &str) {
        self.state.send_if_modified(|state| {
            let goes_on = !matches!(state, State::Stopped(_));
            if goes_on {
                *state = State::Stopped(reason.into());
            }
            goes_on
        });
    }

    fn set_starting(&self, attempt: u32) {
        self.state.send_if_modified(|state| {
            let goes_on = !matches!(state, State::Stopped(_));
            if goes_on {
                *state = State::Starting { attempt };
            }
            goes_on
        });
    }

    fn note_ready(&self, link: Link, after: Duration) {
        let worker_id = link.worker_id;
        self.state.send_replace(State::Ready(link));
        self.observer.tell(&HostEvent::WorkerReady { worker_id, after });
    }

    fn note_quiet_exit(&self, worker_id: Uuid, process: &Process) {
        let line = format!(
            "Process {} has exited with code 0. The host does not restart it, so calls fail from now on; a handler must not \
             end by itself [FH5004]",
            process.id()
        );
        self.observer.tell(&HostEvent::WorkerFailed { worker_id, line, error: None, next: AfterExit::StayDown });
    }
}

/// The real host goes on probing after exit code 0 until the time is up, and starts a handler that exits with 200 again and again
/// without end. Both help nobody here, so they count as failures at once.
fn ended_before_it_listened(process_id: u32, code: i32) -> End {
    End::Failed {
        line: format!("Language Worker Process exited. Pid={process_id}."),
        error: Some(format!("the handler ended with exit code {code} before it listened")),
    }
}

fn not_ready_in_time(worker_id: Uuid) -> End {
    End::Failed {
        line: format!("Failed to start http worker process. workerId:{worker_id}"),
        error: Some("Initializing HttpWorker timed out.".to_owned()),
    }
}

/// Binds the wanted port, or any, and closes it again, like the real host: somebody else may take it before the handler does.
fn free_port(wanted: Option<u16>) -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or_default()))?.local_addr()?.port())
}

/// Redirects of the handler are followed, except in forwarding and proxying mode (functions-host 2.2).
fn redirects(mode: HttpMode) -> reqwest::redirect::Policy {
    match mode {
        HttpMode::Forward | HttpMode::Proxy => reqwest::redirect::Policy::none(),
        HttpMode::Envelope | HttpMode::ForwardToFunctionName => reqwest::redirect::Policy::limited(50),
    }
}

/// A client for plain HTTP on this machine: no proxy, and no certificates to load.
pub(crate) fn local_client(redirects: reqwest::redirect::Policy) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(redirects).build()
}
