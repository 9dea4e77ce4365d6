//! Running other programs.
//!
//! They start in the repository's root and inherit the environment, so `CARGO_TERM_COLOR` and its like keep their
//! meaning; what a step adds to the environment is part of its command line as shown.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder in the repository's root")
}

/// `name` with `arguments`, which are separated by white space and contain none themselves.
pub(crate) fn program(name: &str, arguments: &str) -> Command {
    let mut command = Command::new(name);
    command.args(arguments.split_whitespace()).current_dir(root());
    command
}

/// A cargo command.
pub(crate) fn cargo(arguments: &str) -> Command {
    program("cargo", arguments)
}

/// Runs `command` with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` did not start", line(command)))?;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(())
}

/// Runs `command` without a word; its output is in the error when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let output = output(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` ended with {}; it said:\n{out}{err}", line(command), output.status);
    }
    Ok(())
}

/// Runs `command` for its standard output; its standard error stays on the terminal.
pub(crate) fn run_for_output(command: &mut Command) -> Result<String> {
    let output = output(command.stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    ensure!(output.status.success(), "`{}` ended with {}", line(command), output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{}` did not write UTF-8", line(command)))
}

/// The trimmed standard output of `command`, or nothing when it does not start or does not succeed.
pub(crate) fn answer_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as it would be typed in the folder where it runs.
pub(crate) fn line(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(name, value)| Some(format!("{}={}", text(name), text(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(text);
    settings.chain(words).collect::<Vec<_>>().join(" ")
}

fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("`{}` did not start", line(command)))
}

fn text(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_with_what_it_adds_to_the_environment() {
        let mut command = cargo("doc --no-deps");
        command.env("RUSTDOCFLAGS", "-D warnings").env_remove("RUSTFLAGS");
        assert_eq!(line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut program("no-such-program", "--flag")).unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program --flag` did not start");
    }

    #[test]
    fn a_quiet_program_is_heard_when_it_fails() {
        let error = run_quietly(&mut cargo("no-such-subcommand")).unwrap_err().to_string();
        assert!(
            error.starts_with("`cargo no-such-subcommand` ended with exit status: 101; it said:\nerror"),
            "{error}"
        );
    }

    #[test]
    fn a_failing_program_has_no_answer() {
        assert_eq!(answer_of(&mut program("no-such-program", "")), None);
        assert_eq!(answer_of(&mut cargo("no-such-subcommand")), None);
        assert!(answer_of(&mut cargo("--version")).is_some_and(|answer| answer.starts_with("cargo ")));
    }
}
