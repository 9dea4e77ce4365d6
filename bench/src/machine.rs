//! What the machine says about processes and itself, and what it has to be asked for before the load starts.
//!
//! Read from `/proc`, so measuring needs Linux. CPU times come from `schedstat`: the ticks of `stat` are 10 ms long,
//! which is longer than some of the work.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

/// Files that are open beside those of the clients.
const SPARE_FILES: u64 = 200;

/// What a process has had of the processors until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CpuTime {
    pub(crate) used: Duration,
    /// How long its threads were ready to run and did not, because something else ran on their core.
    pub(crate) waited: Duration,
}

impl CpuTime {
    /// Of all threads of a process that live.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut total = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| no_process(pid))? {
            // A thread may end while it is looked at.
            let Ok(schedstat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let Self { used, waited } = Self::parse(&schedstat).context("the kernel keeps no `schedstat`")?;
            total = Self { used: total.used + used, waited: total.waited + waited };
        }
        Ok(total)
    }

    /// A `schedstat` begins with both times in nanoseconds.
    fn parse(schedstat: &str) -> Option<Self> {
        let mut times = schedstat.split_whitespace().map(|time| time.parse().ok().map(Duration::from_nanos));
        Some(Self { used: times.next()??, waited: times.next()?? })
    }

    /// What has been added since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let Self { used, waited } = earlier;
        Self { used: self.used.saturating_sub(used), waited: self.waited.saturating_sub(waited) }
    }
}

/// Packets that the kernel has thrown away since it started because a core's queue of received packets was full: on loopback
/// that happens to a sender that is faster than the core's own network work, and the sender repeats them only after
/// hundreds of milliseconds. Nothing where the kernel does not tell.
pub(crate) fn dropped_packets() -> u64 {
    dropped(&fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default())
}

/// One line per core, of hexadecimal numbers; the second one counts drops.
fn dropped(softnet_stat: &str) -> u64 {
    let of_core = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    softnet_stat.lines().filter_map(of_core).sum()
}

/// Memory of a process that is not swapped out, in bytes. What the kernel keeps for its sockets is not part of it.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS")
}

/// The most that [`resident`] was since the process began its program.
pub(crate) fn most_resident(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM")
}

fn memory(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| no_process(pid))?;
    let kibibytes = field(&status, name).and_then(|value| value.strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Ok(kibibytes.context("the kernel does not tell how much memory a process uses")? * 1024)
}

fn no_process(pid: u32) -> String {
    format!("cannot read about process {pid}; measuring needs Linux")
}

/// The value of `name` in a file of lines `name: value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

/// Where a measurement was taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Surroundings {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// The commit that the repository is at, when it is one.
    pub(crate) commit: Option<String>,
}

impl Surroundings {
    pub(crate) fn look() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: field(&cpuinfo, "model name").unwrap_or("an unknown processor").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            commit: answer_of(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(folder())),
        }
    }
}

/// The package's folder.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The trimmed standard output of `command`; nothing when it does not start or does not succeed.
pub(crate) fn answer_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The machine's load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    average.split_whitespace().next().and_then(|average| average.parse().ok()).unwrap_or(f64::NAN)
}

/// Which core the server has and which one the load has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cores {
    Separate {
        server: usize,
        load: usize,
    },
    /// There is one core only, or no `taskset`: the kernel puts everybody wherever it likes.
    Shared,
}

impl Cores {
    /// Puts this process onto a core of its own, if that is possible.
    pub(crate) fn divide() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = field(&status, "Cpus_allowed_list").map(core_numbers).unwrap_or_default();
        let [server, load, ..] = allowed[..] else { return Self::Shared };
        let pid = std::process::id().to_string();
        let moved =
            answer_of(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &load.to_string(), &pid]));
        moved.map_or(Self::Shared, |_| Self::Separate { server, load })
    }

    /// A command that will run where servers run.
    pub(crate) fn server_command(self, program: &PathBuf) -> tokio::process::Command {
        match self {
            Self::Separate { server, .. } => {
                let mut command = tokio::process::Command::new("taskset");
                command.args(["--cpu-list", &server.to_string()]).arg(program);
                command
            }
            Self::Shared => tokio::process::Command::new(program),
        }
    }
}

impl Cores {
    /// Starts `command` where servers run, without another program in between, whose own start would be measured too.
    pub(crate) fn spawn_on_server_core(self, command: &mut Command) -> Result<Child> {
        // A child begins where the thread that starts it is.
        if let Self::Separate { server, .. } = self {
            move_thread(server)?;
        }
        let child = command.spawn().with_context(|| format!("{command:?} did not start"));
        if let Self::Separate { load, .. } = self {
            move_thread(load)?;
        }
        child
    }
}

#[cfg(target_os = "linux")]
fn move_thread(core: usize) -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).context("cannot change the core")
}

#[cfg(not(target_os = "linux"))]
fn move_thread(_core: usize) -> Result<()> {
    Ok(())
}

/// The cores of a list such as `0-3,8`.
fn core_numbers(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// Lets this process and the servers that it starts open as many files as the system allows.
///
/// # Errors
/// When that is too few for `clients`.
pub(crate) fn allow_clients(clients: usize) -> Result<()> {
    let Some(limit) = raise_file_limit()? else { return Ok(()) };
    let needed = clients as u64 + SPARE_FILES;
    ensure!(
        needed <= limit,
        "{clients} clients need {needed} open files, and {limit} are allowed; raise the hard limit (`ulimit -Hn`) or \
         set `--clients {}`",
        limit.saturating_sub(SPARE_FILES)
    );
    Ok(())
}

/// The limit as it is now; `None` is no limit.
#[cfg(unix)]
fn raise_file_limit() -> Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })
        .context("cannot raise the limit of open files")?;
    Ok(hard)
}

#[cfg(not(unix))]
fn raise_file_limit() -> Result<Option<u64>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_cores(list: &str, expected: &[usize]) {
        assert_eq!(core_numbers(list), expected);
    }

    #[test]
    fn a_list_of_cores_may_have_ranges() {
        check_cores("0-1", &[0, 1]);
        check_cores("3", &[3]);
        check_cores("0-1,8,10-11", &[0, 1, 8, 10, 11]);
        check_cores("", &[]);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "VmRSSx:\t1 kB\nVmRSS:\t  5120 kB\nmodel name\t: a processor\n";
        assert_eq!(field(status, "VmRSS"), Some("5120 kB"));
        assert_eq!(field(status, "model name"), Some("a processor"));
        assert_eq!(field(status, "Vm"), None);
    }

    #[test]
    fn times_are_the_first_two_numbers() {
        let expected = CpuTime { used: Duration::from_nanos(1500), waited: Duration::from_nanos(20) };
        assert_eq!(CpuTime::parse("1500 20 3\n"), Some(expected));
        assert_eq!(CpuTime::parse("1500"), None);
    }

    #[test]
    fn drops_are_those_of_all_cores() {
        assert_eq!(dropped("06606a37 0000369a 0000008d\n03ab68e7 00000034 00000088\n"), 0x369a + 0x34);
        assert_eq!(dropped(""), 0);
    }

    #[test]
    fn clients_that_do_not_fit_are_refused_with_the_number_that_would() {
        let Some(limit) = raise_file_limit().unwrap() else { return };
        assert!(allow_clients(1).is_ok());
        let Ok(clients) = usize::try_from(limit) else { return };
        let error = allow_clients(clients).unwrap_err().to_string();
        assert!(error.ends_with(&format!("`--clients {}`", limit - SPARE_FILES)), "{error}");
    }
}
