//! One process of the handler, and everything that it started.
//!
//! Easily missed: the handler leads a process group of its own. A Ctrl-C in the terminal does not reach it by itself, and
//! ending it means ending the whole group, so that nothing it started outlives the host.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::WorkerSettings;
use super::console::{ErrorLines, tell_stderr, tell_stdout};
use crate::app::StderrLevel;
use crate::events::{HostEvent, Observer};
use crate::warnings::{Warning, WarningCode};

/// How long a killed process may take to be gone (functions-host 1.8), and its last words to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long killed children of the handler may take to be gone.
const LAST_CHILDREN: Duration = Duration::from_millis(250);

#[cfg(unix)]
const SIGINT: i32 = 2;

/// What to start, and how.
#[derive(Debug)]
pub(super) struct ProcessSettings {
    pub(super) executable: String,
    arguments: Vec<String>,
    working_directory: PathBuf,
    environment: Vec<(String, String)>,
}

impl ProcessSettings {
    /// The environment is that of the host, which has every app setting, and what functions-host 1.4 adds.
    pub(super) fn new(settings: &WorkerSettings, worker_id: Uuid, port: u16) -> ProcessSettings {
        let WorkerSettings { handler, app_settings, host_variables, .. } = settings;
        let (port, worker_id) = (port.to_string(), worker_id.to_string());
        let worker_variables = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", &port),
            ("FUNCTIONS_HTTPWORKER_PORT", &port),
            ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker_id),
            ("FUNCTIONS_HTTPWORKER_ID", &worker_id),
        ];
        let mut variables = host_variables.clone();
        variables.extend(worker_variables.map(|(name, value)| (name.to_owned(), value.clone())));
        let arguments = handler.command_line(app_settings, &variables);
        let inherited = app_settings.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = inherited.chain(variables).collect();
        let working_directory = handler.working_directory.clone();
        ProcessSettings { executable: handler.executable.clone(), arguments, working_directory, environment }
    }
}

/// A running handler.
#[derive(Debug)]
pub(super) struct Process {
    child: Box<dyn ChildWrapper>,
    id: u32,
    executable: String,
    errors: ErrorLines,
    readers: JoinSet<()>,
}

impl Process {
    /// Starts the handler and reads its output from now on.
    ///
    /// # Errors
    /// When the operating system cannot start the program.
    pub(super) fn start(
        settings: &ProcessSettings,
        stderr_level: StderrLevel,
        observer: &Observer,
    ) -> std::io::Result<Process> {
        let mut command = CommandWrap::with_new(&settings.executable, |command| {
            command.args(&settings.arguments).current_dir(&settings.working_directory);
            command.env_clear().envs(settings.environment.iter().map(|(name, value)| (name, value)));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        command.wrap(KillOnDrop);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        let mut child = command.spawn()?;
        let (errors, mut readers) = (ErrorLines::default(), JoinSet::new());
        if let Some(stdout) = child.stdout().take() {
            readers.spawn(tell_stdout(stdout, observer.clone()));
        }
        if let Some(stderr) = child.stderr().take() {
            readers.spawn(tell_stderr(stderr, stderr_level, errors.clone(), observer.clone()));
        }
        let id = child.id().unwrap_or_default();
        Ok(Process { child, id, executable: settings.executable.clone(), errors, readers })
    }

    /// The process id.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Waits for the end of the process and gives its exit code. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> i32 {
        match self.child.wait().await {
            Ok(status) => exit_code(status),
            // The process cannot be waited for: it is as good as gone.
            Err(_) => -1,
        }
    }

    /// The real host's text about an exit that counts, with the last lines of stderr as its cause (functions-host 1.6).
    pub(super) async fn explain(&mut self, code: i32) -> String {
        self.read_last_words().await;
        let errors = self.errors.joined();
        let cause = if errors.is_empty() { String::new() } else { format!(": {errors}") };
        format!("{} exited with code {code} (0x{code:X}){cause}", self.executable)
    }

    /// Asks the process to end, as Ctrl-C does, and kills it after `grace`.
    pub(super) async fn shut_down(mut self, grace: Duration, observer: &Observer) {
        #[cfg(unix)]
        if self.child.signal(SIGINT).is_ok() {
            let _ = tokio::time::timeout(grace, self.child.wait()).await;
        }
        #[cfg(not(unix))]
        let _ = grace;
        self.kill(observer).await;
    }

    /// Kills the process and its whole group, and waits until it is gone.
    pub(super) async fn kill(mut self, observer: &Observer) {
        let _ = self.child.start_kill();
        if tokio::time::timeout(LAST_WORDS, self.child.wait()).await.is_err() {
            let milliseconds = LAST_WORDS.as_millis();
            let text = format!("Worker process {} has not exited despite waiting for {milliseconds} ms", self.id);
            observer.tell(&HostEvent::Warning(Warning::new(WarningCode::HandlerStaysAlive, text)));
        }
        self.end_group().await;
        self.read_last_words().await;
    }

    /// Kills until nothing is left of the group. What the handler started is nobody's to wait for, hence the limit: where no
    /// init process collects the dead, a dead process keeps its group.
    async fn end_group(&mut self) {
        let gone = async {
            while self.child.start_kill().is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LAST_CHILDREN, gone).await;
    }

    /// What is still in the pipes. Somebody who inherited them could keep them open, hence the limit.
    async fn read_last_words(&mut self) {
        let all = async { while self.readers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, all).await;
    }
}

/// The code as .NET sees it: 128 and the signal's number for a process that a signal ended.
fn exit_code(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
    #[cfg(not(unix))]
    status.code().unwrap_or(-1)
}
