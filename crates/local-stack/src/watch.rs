//! Notices that files have changed, and waits until whoever changes them is done.
//!
//! Easily missed: nothing is queued. Changes only add up to what they ask for, so a thousand of them are one.

use crate::sources::{Change, Sources};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// An editor that saves several files, or one in several steps, leaves no longer pauses.
const QUIET: Duration = Duration::from_millis(100);
/// Whoever never stops is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be watched; pass --no-watch to go on without, or raise the system's limit of watched folders", folder.display())]
pub struct WatchError {
    folder: PathBuf,
    #[source]
    source: notify::Error,
}

/// Watches the files of a handler and its app. It ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    watcher: RecommendedWatcher,
    sources: Arc<RwLock<Sources>>,
    folders: BTreeSet<PathBuf>,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    change: Mutex<Option<Change>>,
    bell: Notify,
}

impl Watch {
    /// Notices changes from now on.
    ///
    /// # Errors
    /// When the system has no way to watch files, or no room for more.
    pub fn start(sources: Sources) -> Result<Self, WatchError> {
        let folder = sources.folders().into_iter().next().unwrap_or_default();
        let (sources, seen) = (Arc::new(RwLock::new(sources)), Arc::<Seen>::default());
        let (judge, note) = (Arc::clone(&sources), Arc::clone(&seen));
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let change = event.map_or(Some(Change::Code), |event| {
                let sources = judge.read().unwrap_or_else(PoisonError::into_inner);
                meaning(&event, &sources)
            });
            if let Some(change) = change {
                note.add(change);
            }
        });
        let watcher = watcher.map_err(|source| WatchError { folder, source })?;
        let mut watch = Self { watcher, sources, folders: BTreeSet::new(), seen };
        watch.follow()?;
        Ok(watch)
    }

    /// Notices changes of other files, too, or of others instead. What was noticed before stays noticed.
    ///
    /// # Errors
    /// When the system has no room for more.
    pub fn replace(&mut self, sources: Sources) -> Result<(), WatchError> {
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
        self.follow()
    }

    /// What changes since the last time ask for, as soon as there is one and nothing else changes for a moment.
    pub async fn next(&mut self) -> Change {
        loop {
            self.seen.bell.notified().await;
            let deadline = Instant::now() + LONGEST_WAIT;
            while Instant::now() < deadline && timeout(QUIET, self.seen.bell.notified()).await.is_ok() {}
            // A folder that cannot be watched now was not needed before.
            let _ = self.follow();
            if let Some(change) = self.seen.take() {
                return change;
            }
        }
    }

    /// Watches the folders that there are now. Each by itself: below the root are folders that nobody may watch, such as `target`.
    fn follow(&mut self) -> Result<(), WatchError> {
        let folders = self.sources.read().unwrap_or_else(PoisonError::into_inner).folders();
        for folder in folders.difference(&self.folders) {
            let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
            watched.map_err(|source| WatchError { folder: folder.clone(), source })?;
        }
        for folder in self.folders.difference(&folders) {
            // It is gone, and the watch with it.
            let _ = self.watcher.unwatch(folder);
        }
        self.folders = folders;
        Ok(())
    }
}

impl Seen {
    fn add(&self, change: Change) {
        let mut seen = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = (*seen).max(Some(change));
        self.bell.notify_one();
    }

    fn take(&self) -> Option<Change> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an event asks for. When the system has lost count, everything may have changed.
fn meaning(event: &Event, sources: &Sources) -> Option<Change> {
    if event.need_rescan() {
        return Some(Change::Code);
    }
    if event.kind.is_access() {
        return None;
    }
    event.paths.iter().filter_map(|path| sources.change(path)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const DEADLINE: Duration = Duration::from_secs(20);

    async fn next(watch: &mut Watch) -> Change {
        timeout(DEADLINE, watch.next()).await.expect("the change is noticed")
    }

    fn write(root: &Path, file: &str) {
        fs::write(root.join(file), "x").unwrap();
    }

    #[tokio::test]
    async fn changes_are_noticed_and_those_of_no_interest_are_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("lib")).unwrap();
        let mut watch = Watch::start(Sources::of_program(&root, None)).unwrap();
        write(&root, "notes.txt");
        write(&root, "host.json");
        assert_eq!(next(&mut watch).await, Change::App);
        write(&root, "host.json");
        write(&root, "lib/util.js");
        assert_eq!(next(&mut watch).await, Change::Code);
    }

    #[tokio::test]
    async fn a_folder_that_has_come_is_watched_too() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let mut watch = Watch::start(Sources::of_program(&root, None)).unwrap();
        fs::create_dir(root.join("hello")).unwrap();
        assert_eq!(next(&mut watch).await, Change::App);
        write(&root, "hello/function.json");
        assert_eq!(next(&mut watch).await, Change::App);
        write(&root, "hello/index.js");
        assert_eq!(next(&mut watch).await, Change::Code);
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        write(&root, "handler");
        let mut watch = Watch::start(Sources::of_program(&root, Some(&root.join("handler")))).unwrap();
        write(&root, "handler.new");
        fs::rename(root.join("handler.new"), root.join("handler")).unwrap();
        assert_eq!(next(&mut watch).await, Change::Code);
    }
}
