//! The line itself, begun again where it ends by a fault of ours.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::BUILT;
use super::identity::Identity;
use crate::state::Store;
use crate::sync::mqtt::{self, Status};
use crate::sync::{LineSettings, Resolved, Session};

/// How long after a fault of ours the line is begun again.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) struct Keep {
    pub(super) store: Store,
    pub(super) resolved: Resolved,
    pub(super) settings: LineSettings,
    pub(super) identity: Identity,
    pub(super) told: watch::Sender<Status>,
}

impl Keep {
    /// Keeps the line until told to stop; begun anew where the identity has changed.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.identity.changes();
        while !stop.is_cancelled() {
            let this_one = stop.child_token();
            let done = {
                let line = self.once(&this_one);
                tokio::pin!(line);
                tokio::select! {
                    done = &mut line => Some(done),
                    _ = changes.changed() => {
                        this_one.cancel();
                        // It says goodbye first.
                        let _ = line.await;
                        None
                    }
                }
            };
            let Some(done) = done else {
                self.look_again().await;
                continue;
            };
            if let Err(why) = done {
                tracing::error!(why, "the line to HQ broke by a fault of ours; it is begun again");
                self.told.send_modify(|status| status.trouble = Some(why));
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    /// Reads the identity folder anew; where that cannot be, the line goes on as it was.
    async fn look_again(&mut self) {
        let settings = self.settings.clone();
        match tokio::task::spawn_blocking(move || settings.resolve()).await {
            Ok(Ok(Some(mut resolved))) => {
                self.identity.share_keys(&mut resolved);
                self.resolved = resolved;
                tracing::info!("the line to HQ is begun anew with what the identity says now");
            }
            Ok(Ok(None)) => tracing::error!("the enrolment is gone; the line goes on as it was"),
            Ok(Err(error)) => {
                tracing::error!(%error, "the identity cannot be read; the line goes on as it was");
            }
            Err(_) => {} // The runtime ends.
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
