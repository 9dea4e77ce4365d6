//! Copies of built handlers, which run in place of what the build has left.
//!
//! Easily missed: the next build replaces its program while the last one still runs from it. Windows forbids that, and elsewhere a
//! handler that is restarted meanwhile would be another one than the one that was found good, or half of one.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The one that runs, and the one before, which may still finish calls.
const KEPT: usize = 2;

/// They go when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Copies {
    folder: Option<TempDir>,
    copies: Vec<PathBuf>,
    count: u32,
}

impl Copies {
    /// Copies a program into a folder beside it, where programs may run for certain.
    pub(super) fn copy(&mut self, program: &Path) -> Result<PathBuf> {
        let what = || format!("`{}` cannot be copied", program.display());
        let folder = match &self.folder {
            Some(folder) => folder.path(),
            None => {
                let beside = program.parent().with_context(what)?;
                let folder = tempfile::Builder::new().prefix("cargo-dev-").tempdir_in(beside).with_context(what)?;
                self.folder.insert(folder).path()
            }
        };
        self.count += 1;
        let copy = folder.join(format!("handler-{}{}", self.count, std::env::consts::EXE_SUFFIX));
        fs::copy(program, &copy).with_context(what)?;
        self.copies.push(copy.clone());
        if self.copies.len() > KEPT {
            // One that still runs somewhere stays until the end.
            let _ = fs::remove_file(self.copies.remove(0));
        }
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_what_it_was_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("handler");
        let mut copies = Copies::default();
        let made: Vec<_> = ["first", "second", "third"]
            .map(|text| {
                fs::write(&program, text).unwrap();
                copies.copy(&program).unwrap()
            })
            .into();
        assert!(!made[0].exists());
        assert_eq!(fs::read_to_string(&made[1]).unwrap(), "second");
        assert_eq!(fs::read_to_string(&made[2]).unwrap(), "third");
        drop(copies);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
