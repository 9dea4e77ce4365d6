//! The task that owns the handler's process: starts it, watches it, starts it again and ends it (functions-host 1.4 to 1.8).
//!
//! Easily missed: every process gets the same port, and each its own HTTP client and id. What belongs to a process that is over is
//! never used for the next one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::failures::{Failures, Verdict};
use super::pace::{self, Pace, Start};
use super::process::{Process, ProcessSettings};
use super::{Attempts, HandlerClient, Link, Past, State, Worker, WorkerSettings, probe};
use crate::events::{AfterExit, HostEvent, LogLevel};
use crate::warnings::{Warning, WarningCode};

/// The real host's last words after the third failure.
const TOO_MANY_FAILURES: &str = "Exceeded http worker restart retry count. Shutting down Functions Host";

/// Exit code with which a handler asks to be restarted, uncounted.
const RESTART_ME: i32 = 200;

/// Nobody hears of it but who waits for it to become ready, and who has heard of the failure.
const NOT_TAKEN: &str = "the handler did not become ready";

const SHUTTING_DOWN: &str = "the host is shutting down";

const RESTARTS_AGAIN_AND_AGAIN: &str = "the handler keeps ending with exit code 200 soon after its start, so each further start waits a second, while Azure starts it \
     at once and without end; end with 200 only for a reason that the next process does not meet";

/// The task that owns the process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    /// What it looks after, as everybody else sees it.
    worker: Worker,
    restarts: mpsc::Receiver<Uuid>,
    settings: WorkerSettings,
    port: u16,
    failures: Failures,
    pace: Pace,
}

/// Why one process of the handler is over.
enum End {
    Shutdown,
    /// The host has ended it, for a function timeout or by hand: not counted.
    Replaced,
    /// It has asked for another one, after it had lived so long: not counted.
    Restart(Duration),
    /// It left by itself, with a code other than 0.
    Exited(i32),
    Failed {
        line: String,
        error: Option<String>,
    },
}

impl Supervisor {
    /// The supervisor of `worker`, which wishes for restarts through `restarts`.
    ///
    /// # Errors
    /// When no free port can be found, or that of host.json is taken.
    pub(super) fn new(
        worker: &Worker,
        restarts: mpsc::Receiver<Uuid>,
        settings: WorkerSettings,
    ) -> std::io::Result<Supervisor> {
        let (failures, pace) = (Failures::default(), Pace::default());
        let port = free_port(settings.handler.port)?;
        Ok(Supervisor { worker: worker.clone(), restarts, settings, port, failures, pace })
    }

    /// Keeps the handler running until `shutdown` or the third failure. Nothing of the process is left when this returns.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let worker_id = Uuid::new_v4();
            let verdict = match self.run_process(worker_id, &shutdown).await {
                End::Shutdown => return self.stop(SHUTTING_DOWN),
                End::Restart(lived) => {
                    if self.pause_after(lived, &shutdown).await.is_none() {
                        return self.stop(SHUTTING_DOWN);
                    }
                    Verdict::GoOn
                }
                End::Replaced | End::Exited(_) => Verdict::GoOn,
                End::Failed { line, error } => self.count_failure(worker_id, line, error),
            };
            if verdict == Verdict::GiveUp && self.settings.attempts == Attempts::One {
                return self.stop(NOT_TAKEN);
            }
            if verdict == Verdict::GiveUp {
                self.worker.observer.log(LogLevel::Error, TOO_MANY_FAILURES);
                return self.stop(TOO_MANY_FAILURES);
            }
        }
    }

    /// `None` when the shutdown has come instead.
    async fn pause_after(&mut self, lived: Duration, shutdown: &CancellationToken) -> Option<()> {
        if self.pace.grant(lived) == Start::AtOnce {
            return Some(());
        }
        self.worker.observer.warn(Warning::new(WarningCode::RestartsWithoutEnd, RESTARTS_AGAIN_AND_AGAIN));
        shutdown.run_until_cancelled(tokio::time::sleep(pace::PAUSE)).await
    }

    fn count_failure(&mut self, worker_id: Uuid, line: String, error: Option<String>) -> Verdict {
        let (verdict, next) = match self.failures.add(self.settings.clock.now()) {
            _ if self.settings.attempts == Attempts::One => (Verdict::GiveUp, AfterExit::StayDown),
            Verdict::GoOn => (Verdict::GoOn, AfterExit::Restart),
            Verdict::GiveUp => (Verdict::GiveUp, AfterExit::StopHost),
        };
        let reason = error.as_ref().map_or_else(|| line.clone(), |error| format!("{line} {error}"));
        self.worker.observer.tell(&HostEvent::WorkerFailed { worker_id, line, error, next });
        self.set_starting(|_| Past::Failed(reason.into()));
        verdict
    }

    async fn run_process(&mut self, worker_id: Uuid, shutdown: &CancellationToken) -> End {
        let started = Instant::now();
        let settings = ProcessSettings::new(&self.settings, worker_id, self.port);
        let mut process = match Process::start(&settings, self.settings.handler.stderr_level, &self.worker.observer) {
            Ok(process) => process,
            Err(error) => {
                let line = format!("Failed to start Worker Channel. Process fileName: {}", settings.executable);
                return End::Failed { line, error: Some(error.to_string()) };
            }
        };
        let executable = settings.executable.clone();
        self.worker.observer.tell(&HostEvent::WorkerStarting {
            worker_id,
            process_id: process.id(),
            executable,
            port: self.port,
        });
        let ended = CancellationToken::new();
        let mut end = self.watch(&mut process, worker_id, &ended, shutdown).await;
        if !matches!(end, End::Shutdown) {
            self.set_starting(|past| past);
        }
        ended.cancel();
        if let End::Exited(code) = end {
            end = self.judge_exit(code, started.elapsed(), &mut process).await;
        }
        match end {
            End::Shutdown => process.shut_down(self.settings.shutdown_grace, &self.worker.observer).await,
            End::Replaced | End::Restart(_) | End::Exited(_) | End::Failed { .. } => {
                process.kill(&self.worker.observer).await;
            }
        }
        end
    }

    async fn judge_exit(&self, code: i32, lived: Duration, process: &mut Process) -> End {
        if code == RESTART_ME {
            self.worker
                .observer
                .log(LogLevel::Information, "Language Worker Process exited and needs to be restarted.");
            return End::Restart(lived);
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
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let http = HandlerClient::new(address, self.settings.handler.http_mode);
        let (started, timeout) = (Instant::now(), self.settings.handler.initialization_timeout);
        let process_id = Some(process.id());
        let mut link = Some(Link { http: http.clone(), worker_id, process_id, ended: ended.clone() });
        let observer = self.worker.observer.clone();
        let mut readiness = std::pin::pin!(probe::until_ready(&http, address, timeout, &observer));
        let mut running = true;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Shutdown,
                () = self.worker.abandon.cancelled() => return End::Shutdown,
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
                    return End::Replaced;
                },
                ready = &mut readiness, if link.is_some() => match (ready, link.take()) {
                    (true, Some(link)) => self.note_ready(link, started.elapsed()),
                    _ => return not_ready_in_time(worker_id),
                },
            }
        }
    }

    fn stop(&self, reason: &str) {
        self.worker.state.send_if_modified(|state| {
            let reason = match state {
                State::Stopped(_) => return false,
                // What went wrong says more than that it is over.
                State::Starting(Past::Failed(failure)) if reason == NOT_TAKEN => Arc::clone(failure),
                _ => reason.into(),
            };
            *state = State::Stopped(reason);
            true
        });
    }

    /// From now on calls wait for the next process.
    fn set_starting(&self, past: impl FnOnce(Past) -> Past) {
        self.worker.state.send_if_modified(|state| {
            let before = match state {
                State::Stopped(_) => return false,
                State::Ready(_) => Past::Ready,
                State::Starting(past) => past.clone(),
            };
            *state = State::Starting(past(before));
            true
        });
    }

    fn note_ready(&mut self, link: Link, after: Duration) {
        let worker_id = link.worker_id;
        self.settings.attempts = Attempts::AsInAzure;
        self.worker.state.send_replace(State::Ready(link));
        self.worker.observer.tell(&HostEvent::WorkerReady { worker_id, after });
    }

    fn note_quiet_exit(&self, worker_id: Uuid, process: &Process) {
        let line = format!(
            "Process {} has exited with code 0. The host does not restart it, so calls fail from now on; a handler must not \
             end by itself [FH5004]",
            process.id()
        );
        self.worker.observer.tell(&HostEvent::WorkerFailed { worker_id, line, error: None, next: AfterExit::StayDown });
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
