//! How long work tells where it stands.

/// Receives the progress of one download, import or verification.
///
/// Steps come one after another: `start`, any number of `advance`, `finish`.
pub trait Progress: Send + Sync {
    /// A step begins; `bytes` is its size where known.
    fn start(&self, what: &str, bytes: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// The step is over, whether it succeeded or not.
    fn finish(&self);
    /// A line that a person should read.
    fn note(&self, line: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
    fn note(&self, _line: &str) {}
}
