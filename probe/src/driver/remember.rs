//! Writes the attachment cache beside the loop: a slow disk must not delay a beat.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ringmesh_probe_core::CachedAttachment;

use crate::cache;

/// The cache file and what is still to be written to it.
pub(super) struct Memory {
    path: PathBuf,
    next: Arc<Mutex<Next>>,
}

#[derive(Default)]
struct Next {
    attachments: Option<Vec<CachedAttachment>>,
    writing: bool,
}

impl Memory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, next: Arc::default() }
    }

    /// Replaces the file soon. Of several while one is being written, the newest is kept.
    pub(super) fn remember(&self, attachments: Vec<CachedAttachment>) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.attachments = Some(attachments);
        if !next.writing {
            next.writing = true;
            let (path, next) = (self.path.clone(), Arc::clone(&self.next));
            tokio::task::spawn_blocking(move || write_all(&path, &next));
        }
    }
}

fn write_all(path: &std::path::Path, next: &Mutex<Next>) {
    loop {
        let attachments = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(attachments) = next.attachments.take() else {
                next.writing = false;
                return;
            };
            attachments
        };
        if let Err(error) = cache::save(path, &attachments) {
            tracing::warn!(path = %path.display(), %error, "attachments are not kept for the next start; free the disk or set state_dir");
        }
    }
}
