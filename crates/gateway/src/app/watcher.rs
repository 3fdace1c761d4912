//! Tells when the configuration file may have changed: SIGHUP, or a write to it or to its folder.
//!
//! Editors and deployment tools replace a file rather than write it, and a mounted configuration changes by a link in its folder:
//! so the folder is watched, and what counts is whether the content differs.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// Watches one file; ends when dropped.
pub struct FileWatcher {
    changed: Arc<Notify>,
    /// None where the system has no watches left: SIGHUP still works.
    _system: Option<RecommendedWatcher>,
}

impl FileWatcher {
    /// Begins to watch.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        let changed = Arc::new(Notify::new());
        let system = watch(file, Arc::clone(&changed));
        if let Err(error) = &system {
            tracing::warn!(%error, "the configuration file is not watched; send SIGHUP after a change");
        }
        Self { changed, _system: system.ok() }
    }

    /// Ends when something in the file's folder has changed; several changes may count as one.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn watch(file: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
