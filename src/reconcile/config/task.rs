//! The loop that puts HQ's settings into force, and ends overrides.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::room::ConfigRoom;
use crate::protocol::documents::digest_of_path;
use crate::protocol::{Contents, Document, Keys, Pointer, limits};
use crate::reconcile::error::ReconcileError;
use crate::reconcile::fetch::{FetchError, Fetcher, jittered};
use crate::reconcile::surroundings::Surroundings;
use crate::state::Store;

/// How often leases are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Keeps the settings at the version that the state has.
#[derive(Debug)]
pub struct ConfigTask {
    store: Store,
    keys: Keys,
    around: Surroundings,
    fetcher: Fetcher,
    room: ConfigRoom,
    /// A version that will not be looked at again.
    given_up: Option<u64>,
}

impl ConfigTask {
    /// A task for these settings.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Keys,
        around: Surroundings,
        fetcher: Fetcher,
        room: ConfigRoom,
    ) -> Self {
        Self { store, keys, around, fetcher, room, given_up: None }
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.store.commits();
        let mut failures: u32 = 0;
        loop {
            commits.mark_unchanged();
            match self.follow(&stop).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "the settings do not follow");
                }
            }
            let pause = LOOK_EVERY.saturating_mul(1 << failures.min(10)).min(MAX_PAUSE);
            let pause = if failures == 0 { LOOK_EVERY } else { jittered(pause) };
            let pause = pause.max(Duration::from_millis(100));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed(), if failures == 0 => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), ReconcileError> {
        let clock = (self.around.time)().0;
        self.room.tick(clock)?;
        let Some(signed) = self.store.desired(Document::Config)? else { return Ok(()) };
        let seen = self.room.seen()?.max(self.given_up);
        // What was acted on need not be believed again: its key may have been replaced since.
        if signed.unverified().is_ok_and(|pointer| seen.is_some_and(|seen| pointer.version <= seen))
        {
            return Ok(());
        }
        let pointer = match self.keys.verify(&signed, self.around.at_least()) {
            Ok(pointer) => pointer,
            Err(error) => {
                tracing::warn!(%error, "the recorded settings are not believed");
                return Ok(());
            }
        };
        match self.bytes(&pointer, stop).await {
            Ok(bytes) => {
                self.room.apply(&pointer, &bytes, clock)?;
            }
            Err(error) if error.may_pass() => return Err(error.into()),
            Err(error) => {
                self.given_up = Some(pointer.version);
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn bytes(
        &self,
        pointer: &Pointer,
        stop: &CancellationToken,
    ) -> Result<Vec<u8>, FetchError> {
        match &pointer.contents {
            Contents::Inline(bytes) => Ok(bytes.to_vec()),
            Contents::Path(path) => {
                let digest = digest_of_path(path)?;
                if digest != pointer.digest {
                    return Err(FetchError::Contradiction);
                }
                self.fetcher.bytes(digest, limits::MAX_CONFIG_BYTES, stop).await
            }
        }
    }
}
