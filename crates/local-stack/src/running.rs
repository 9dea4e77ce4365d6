//! The note by which `cargo dev invoke` finds the stack that runs an app: `.functions-host/running.json`.
//!
//! Easily missed: a note may be left behind by a process that was killed. Whoever reads one has to see whether somebody answers.

use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder in the app for what the local host keeps: keys, schedules, this note.
const FOLDER: &str = ".functions-host";

/// A note that is taken away when this is dropped, unless somebody else has written a newer one.
#[derive(Debug)]
pub(crate) struct Note {
    file: PathBuf,
    text: String,
}

/// Where monitored timers keep their schedules.
pub(crate) fn schedules_folder(app: &Path) -> PathBuf {
    app.join(FOLDER).join("timers")
}

impl Note {
    /// Notes that the host of this app is there.
    pub(crate) fn leave(app: &Path, host_url: &str) -> io::Result<Self> {
        let folder = app.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n")?;
        }
        let note = Self { file: file_of(app), text: json!({"host": host_url}).to_string() };
        fs::write(&note.file, &note.text)?;
        Ok(note)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if fs::read_to_string(&self.file).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// Where the host of this app is, or was.
pub(crate) fn host_of(app: &Path) -> Option<String> {
    let note: Value = serde_json::from_str(&fs::read_to_string(file_of(app)).ok()?).ok()?;
    note["host"].as_str().map(str::to_owned)
}

fn file_of(app: &Path) -> PathBuf {
    app.join(FOLDER).join("running.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_there_as_long_as_its_stack_is() {
        let app = tempfile::tempdir().unwrap();
        assert_eq!(host_of(app.path()), None);
        let note = Note::leave(app.path(), "http://127.0.0.1:1").unwrap();
        assert_eq!(host_of(app.path()).as_deref(), Some("http://127.0.0.1:1"));
        let newer = Note::leave(app.path(), "http://127.0.0.1:2").unwrap();
        drop(note);
        assert_eq!(host_of(app.path()).as_deref(), Some("http://127.0.0.1:2"));
        drop(newer);
        assert_eq!(host_of(app.path()), None);
    }
}
