//! The loop that takes no input.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::hq::clock::now;
use crate::hq::service::Hq;

/// Between two looks, however much changes.
const PAUSE: Duration = Duration::from_millis(250);
/// Time alone ends some deployments.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Makes deployments follow, until it is told to stop.
pub(in crate::hq) async fn run(hq: Arc<Hq>, stop: CancellationToken) {
    let mut changes = hq.changes();
    let work = async {
        loop {
            changes.mark_unchanged();
            if let Err(error) = hq.advance(now()).await {
                tracing::error!(%error, "deployments could not be looked at");
            }
            sleep(PAUSE).await;
            if matches!(timeout(LOOK_EVERY, changes.changed()).await, Ok(Err(_))) {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
