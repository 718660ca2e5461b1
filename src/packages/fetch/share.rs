//! What one archive has of a file's progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::progress::Progress;

/// Bytes that pip or npm fetches and bytes that are unpacked count alike, and together for no more
/// than what is wanted of the archive.
pub(super) struct Share {
    whole: Arc<dyn Progress>,
    left: AtomicU64,
}

impl Share {
    pub(super) fn new(whole: Arc<dyn Progress>, bytes: u64) -> Self {
        Self { whole, left: AtomicU64::new(bytes) }
    }

    pub(super) fn complete(&self) {
        self.advance(u64::MAX);
    }
}

impl Progress for Share {
    fn start(&self, _what: &str, _bytes: Option<u64>) {}

    fn advance(&self, bytes: u64) {
        let left = self.left.load(Ordering::Relaxed);
        let told = bytes.min(left);
        self.left.store(left - told, Ordering::Relaxed);
        self.whole.advance(told);
    }

    fn finish(&self) {}

    fn note(&self, line: &str) {
        self.whole.note(line);
    }
}
