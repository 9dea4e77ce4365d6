//! `upstream init` and `upstream list`.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use signalr_emulator::UpstreamTemplate;

use super::settings::{FILE_NAME, SettingsFile};

/// What `upstream init` writes (signalr-service 5.3).
const DEFAULT_SETTINGS: &str = include_str!("default_settings.json");

/// Writes the default settings. A file that is there is kept unless somebody at a terminal says `y`.
pub(crate) fn init(folder: Option<&Path>) -> anyhow::Result<()> {
    let file =
        std::path::absolute(folder.unwrap_or(Path::new("")).join(FILE_NAME)).context("there is no current folder")?;
    let mut out = std::io::stdout();
    if file.exists() && !may_overwrite(&file, &mut out)? {
        return Ok(());
    }
    let folder = file.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create the folder '{}'", folder.display()))?;
    std::fs::write(&file, DEFAULT_SETTINGS).with_context(|| format!("cannot write '{}'", file.display()))?;
    writeln!(out, "Exported default settings to '{}'.", file.display())?;
    Ok(())
}

fn may_overwrite(file: &Path, out: &mut impl Write) -> anyhow::Result<bool> {
    let file = file.display();
    let input = std::io::stdin();
    if !input.is_terminal() {
        anyhow::bail!("Already contains '{file}'; remove it, or answer the question at a terminal");
    }
    writeln!(out, "Already contains '{file}', still want to override it with the default one? (N/y)")?;
    out.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(says_yes(&answer))
}

fn says_yes(answer: &str) -> bool {
    answer.trim().eq_ignore_ascii_case("y")
}

/// Prints the upstreams, without the queries of their addresses: a query may hold a key.
pub(crate) fn list(named: Option<&Path>) -> anyhow::Result<()> {
    let file = SettingsFile::find(named)?;
    let templates = file.read().with_context(|| format!("cannot use '{}'", file.path().display()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Loaded upstream settings from '{}'", file.path().display())?;
    print(&mut out, &templates)?;
    Ok(())
}

/// The upstreams in their order.
pub(crate) fn print(out: &mut impl Write, templates: &[UpstreamTemplate]) -> std::io::Result<()> {
    if templates.is_empty() {
        return writeln!(out, "No upstream is set yet. Use 'upstream init' to create default upstreams.");
    }
    writeln!(out, "Current Upstream Settings:")?;
    templates.iter().enumerate().try_for_each(|(index, template)| writeln!(out, "[{index}]{template}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_overwrites() {
        for (answer, yes) in
            [("y\n", true), ("Y\r\n", true), ("", false), ("\n", false), ("n\n", false), ("yes\n", false)]
        {
            assert_eq!(says_yes(answer), yes, "{answer:?}");
        }
    }

    #[track_caller]
    fn check(templates: &[UpstreamTemplate], expected: &str) {
        let mut out = Vec::new();
        print(&mut out, templates).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn upstreams_are_printed_in_their_order_and_without_keys() {
        check(&[], "No upstream is set yet. Use 'upstream init' to create default upstreams.\n");
        let templates = ["http://a/", "http://b/?code=secret"].map(|url| UpstreamTemplate::new(url).unwrap());
        let expected = "Current Upstream Settings:\n[0]http://a/(event:'*',hub:'*',category:'*')\n[1]http://b/?***(event:'*',hub:'*',category:'*')\n";
        check(&templates, expected);
    }
}
