//! The line itself, begun again where it ends by a fault of ours.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::BUILT;
use crate::state::Store;
use crate::sync::mqtt::{self, Status};
use crate::sync::{LineSettings, Resolved, Session};

/// How long after a fault of ours the line is begun again.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) struct Keep {
    pub(super) store: Store,
    pub(super) resolved: Resolved,
    pub(super) settings: LineSettings,
    pub(super) told: watch::Sender<Status>,
}

impl Keep {
    /// Keeps the line until told to stop.
    pub(super) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(why) = self.once(&stop).await {
                tracing::error!(why, "the line to HQ broke by a fault of ours; it is begun again");
                self.told.send_modify(|status| status.trouble = Some(why));
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    async fn once(&self, stop: &CancellationToken) -> Result<(), String> {
        let (store, trust, line) =
            (self.store.clone(), self.resolved.trust.clone(), self.settings.line);
        let begin = move || {
            let mut seed = [0; 8];
            getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
            let seed = u64::from_be_bytes(seed);
            Session::new(store, trust, line, BUILT, seed).map_err(|error| error.to_string())
        };
        let session = tokio::task::spawn_blocking(begin).await.map_err(|e| e.to_string())??;
        let (broker, told) = (self.resolved.broker.clone(), self.told.clone());
        mqtt::run(session, broker, told, stop.clone()).await.map_err(|error| error.to_string())
    }
}
