//! The proof: what is in the zip runs, and a broadcast arrives.
//!
//! Everything is read from the written archive and unpacked with its permissions; nothing of the build is trusted.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::archive::{self, EXECUTABLE, Entry};
use super::elf::Elf;
use super::{contents, secrets};
use crate::command::{program, root, run};
use crate::console::say;

/// What the handler may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linkage {
    /// Nothing: it runs on every Linux.
    Static,
    /// The C library of a distribution.
    Dynamic,
}

/// Unpacks `zip` and has `checker` run the app that is in it.
pub(super) fn check(zip: &Path, linkage: Linkage, checker: &Path) -> Result<()> {
    let bytes = fs::read(zip).with_context(|| format!("`{}` cannot be read", zip.display()))?;
    let entries = archive::read(&bytes)?;
    check_entries(&entries, linkage)?;
    say(format_args!("    {} bytes in all", bytes.len()));
    let folder = root().join("target/package/unpacked");
    unpack(&entries, &folder)?;
    run(program(&checker.to_string_lossy(), "").arg(&folder))
}

fn check_entries(entries: &[Entry], linkage: Linkage) -> Result<()> {
    contents::check_host_json(entries)?;
    entries.iter().try_for_each(secrets::refuse)?;
    let handler = entries.iter().find(|entry| entry.name == contents::HANDLER).context("there is no handler")?;
    ensure!(handler.mode == EXECUTABLE, "the handler has mode {:o} and not {EXECUTABLE:o}", handler.mode);
    let elf = Elf::read(&handler.bytes)?;
    // Functions runs on x86-64 alone (functions-host 9.3).
    ensure!(elf.machine == "x86_64", "the handler is for {}, and Azure Functions runs x86_64", elf.machine);
    match linkage {
        Linkage::Static => {
            ensure!(elf.is_static(), "the handler is not static; it needs {}", needs(&elf));
            say("    the handler is static and runs on every Linux");
        }
        Linkage::Dynamic => say(format_args!("    the handler needs {}", needs(&elf))),
    }
    Ok(())
}

fn needs(elf: &Elf) -> String {
    let libraries = elf.libraries.join(", ");
    match elf.glibc {
        Some(version) => format!("{libraries} with GLIBC {version} or newer, which the host's image must have"),
        None => libraries,
    }
}

/// Into an empty folder, with the permissions of the archive.
fn unpack(entries: &[Entry], folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("`{}` cannot be emptied", folder.display()))?;
    }
    for entry in entries {
        let path = folder.join(&entry.name);
        let parent = path.parent().context("an entry is in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("`{}` cannot be made", parent.display()))?;
        fs::write(&path, &entry.bytes).with_context(|| format!("`{}` cannot be written", path.display()))?;
        set_mode(&path, entry.mode)?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).with_context(|| format!("`{}` cannot get its mode", path.display()))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> Result<()> {
    anyhow::bail!("a package for Linux can be checked on Linux only")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_JSON: &str = r#"{"customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;

    fn entries(handler: &[u8], mode: u32) -> Vec<Entry> {
        let entry = |name: &str, mode, bytes: &[u8]| Entry { name: name.to_owned(), mode, bytes: bytes.to_vec() };
        vec![entry("handler", mode, handler), entry("host.json", 0o644, HOST_JSON.as_bytes())]
    }

    #[track_caller]
    fn check_refused(handler: &[u8], mode: u32, linkage: Linkage, expected: &str) {
        let error = check_entries(&entries(handler, mode), linkage).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn a_handler_that_would_not_run_is_refused() {
        check_refused(b"#!/bin/sh", 0o755, Linkage::Dynamic, "the handler is no program for Linux");
        check_refused(b"", 0o644, Linkage::Dynamic, "the handler has mode 644 and not 755");
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    #[test]
    fn a_dynamic_handler_is_not_taken_for_a_static_one() {
        let shell = fs::read("/bin/sh").unwrap();
        check_refused(&shell, 0o755, Linkage::Static, "the handler is not static; it needs lib");
        check_entries(&entries(&shell, 0o755), Linkage::Dynamic).unwrap();
    }
}
