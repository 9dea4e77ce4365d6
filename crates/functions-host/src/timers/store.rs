//! The file of the schedule monitor: one per timer, with the JSON that the real host keeps in a blob (functions-host 6.3).
//!
//! Easily missed: with a file a timer that was due while the host was down runs as soon as it is up again, as in Azure.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use crate::invocation::ScheduleStatus;

/// Where the schedule monitor keeps what it knows.
#[derive(Debug, Clone)]
pub enum ScheduleStore {
    /// In memory. Nothing is past due for a host that starts with an empty one.
    Memory(MemorySchedules),
    /// In a folder, as `<function>.json`. It is made when it is needed, with a `.gitignore` that hides it.
    Folder(PathBuf),
}

/// What a schedule monitor knows, in memory. Clones share it: a host that starts with what another one has left knows what was missed
/// in between.
#[derive(Debug, Clone, Default)]
pub struct MemorySchedules(Arc<Mutex<HashMap<String, ScheduleStatus>>>);

impl Default for ScheduleStore {
    fn default() -> Self {
        ScheduleStore::Memory(MemorySchedules::default())
    }
}

impl MemorySchedules {
    pub(super) fn get(&self, function: &str) -> Option<ScheduleStatus> {
        self.statuses().get(function).cloned()
    }

    pub(super) fn set(&self, function: &str, status: ScheduleStatus) {
        self.statuses().insert(function.to_owned(), status);
    }

    fn statuses(&self) -> std::sync::MutexGuard<'_, HashMap<String, ScheduleStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `.gitignore` of the folder says: all of it.
const IGNORE_ALL: &str = "*\n";

/// The status of a function's timer; `None` when there is no file, or one that is not a status.
pub(super) async fn read(folder: &Path, function: &str, zone: &TimeZone) -> Option<ScheduleStatus> {
    let text = tokio::fs::read_to_string(path(folder, function)).await.ok()?;
    parse(&text, zone)
}

/// Replaces the status of a function's timer as a whole.
///
/// # Errors
/// When the folder or the file cannot be written.
pub(super) async fn write(folder: &Path, function: &str, status: &ScheduleStatus) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let ignore = folder.join(".gitignore");
    if !tokio::fs::try_exists(&ignore).await? {
        tokio::fs::write(ignore, IGNORE_ALL).await?;
    }
    // Renamed, so that a host that ends while writing leaves no half of a file.
    let (file, unfinished) = (path(folder, function), folder.join(format!("{function}.unfinished")));
    tokio::fs::write(&unfinished, status.to_json().to_string()).await?;
    tokio::fs::rename(unfinished, file).await
}

fn path(folder: &Path, function: &str) -> PathBuf {
    folder.join(format!("{function}.json"))
}

fn parse(text: &str, zone: &TimeZone) -> Option<ScheduleStatus> {
    let status: Value = serde_json::from_str(text).ok()?;
    let time = |name: &str| -> Option<Zoned> {
        let time: Timestamp = status[name].as_str()?.parse().ok()?;
        Some(time.to_zoned(zone.clone()))
    };
    // The year 1 stands for never.
    let last = time("Last")?;
    Some(ScheduleStatus {
        last: (last.year() > 1).then_some(last),
        next: time("Next")?,
        last_updated: time("LastUpdated")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(last: Option<&str>) -> ScheduleStatus {
        let time = |text: &str| text.parse::<Zoned>().unwrap();
        ScheduleStatus {
            last: last.map(time),
            next: time("2026-02-07T15:46:00+01:00[Europe/Berlin]"),
            last_updated: time("2026-02-07T15:45:00.5+01:00[Europe/Berlin]"),
        }
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(read(&inner, "f", &zone).await, None);
        for status in [status(None), status(Some("2026-02-07T15:45:00.1234567+01:00[Europe/Berlin]"))] {
            write(&inner, "f", &status).await.unwrap();
            assert_eq!(read(&inner, "f", &zone).await, Some(status));
        }
        let mut files: Vec<_> =
            std::fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, [".gitignore", "f.json"]);
    }

    #[test]
    fn a_file_that_is_no_status_counts_as_none() {
        for text in ["", "{}", r#"{"Last":"x","Next":"x","LastUpdated":"x"}"#, "[]"] {
            assert_eq!(parse(text, &TimeZone::UTC), None, "{text}");
        }
    }
}
