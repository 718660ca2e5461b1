//! What the composition root does with bundles.

use std::future::Future;
use std::pin::Pin;

use crate::protocol::Digest;
use crate::protocol::documents::Check;

/// Work that takes a while.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which bundles are in memory, by the digests of their documents. `None` is what the box was set
/// up with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// Who answers.
    pub live: Option<Digest>,
    /// Who is ready beside it, where there is one.
    pub beside: Option<Digest>,
    /// Whether it is asked what the live one is asked, and its answers thrown away.
    pub mirrored: bool,
    /// Whether the names that led to bundles lead to what the box was set up with again. Else what they
    /// lead to where no bundle is live is none of this arrangement.
    pub taken_back: bool,
}

impl Arrangement {
    pub(super) fn of(live: Option<Digest>) -> Self {
        Self { live, ..Self::default() }
    }
}

/// What was seen of one bundle since the arrangement is as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that it ended.
    pub requests: u64,
    /// Those that failed by its fault.
    pub errors: u64,
    /// Those whose answer a check did not let be said, and those that its template did not take.
    pub refused: u64,
    /// The 95th percentile of their latency; none where there are too few.
    pub p95_ms: Option<u32>,
}

/// What was seen of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Of the one that answers.
    pub live: Figures,
    /// Of the one beside it.
    pub beside: Figures,
}

/// Why a bundle cannot be loaded, served or asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StageError(pub String);

/// Loads, serves and looks. A call that is dropped may be made again, and so may one that was done.
pub trait Stage: Send + Sync {
    /// Makes it so: loads what is not there, then lets new requests go to the live one while those
    /// in flight end where they are, then lets go of what is neither. Where it fails, who answered
    /// goes on.
    fn arrange<'a>(&'a self, wanted: &'a Arrangement) -> Work<'a, Result<(), StageError>>;

    /// What a bundle in memory answers, greedily.
    fn answer<'a>(
        &'a self,
        bundle: Digest,
        check: &'a Check,
    ) -> Work<'a, Result<String, StageError>>;

    /// Removes whatever it made on the disk of other bundles than these.
    fn tidy<'a>(&'a self, wanted: &'a [Digest]) -> Work<'a, Result<(), StageError>> {
        let _ = wanted;
        Box::pin(async { Ok(()) })
    }

    /// What was seen.
    fn health(&self) -> Health;

    /// The bundle whose files are found to be what answers, looked at now; `None` where it is what
    /// the box was set up with.
    fn running(&self) -> Work<'_, Result<Option<Digest>, StageError>>;
}
