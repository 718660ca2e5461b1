//! A line that could not be begun at the start, tried again until it can be.

use std::time::Duration;

use tokio::sync::watch as channel;
use tokio_util::sync::CancellationToken;

use super::begun::Begun;
use super::handed::Handed;
use super::opened::{self, OpenError};
use super::{LookedAt, view};
use crate::api::LineView;
use crate::config::Config;
use crate::protocol::UnixMillis;

/// Before the first new try.
const FIRST: Duration = Duration::from_secs(1);
/// Between two at most.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Waits between tries, each twice as long as the one before.
pub(super) struct Waits(Duration);

impl Waits {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    pub(super) fn next(&mut self) -> Duration {
        let this = self.0;
        self.0 = (this * 2).min(LONGEST);
        this
    }
}

/// What is needed to begin a line later.
pub(super) struct Again {
    pub(super) config: Config,
    pub(super) looked_at: LookedAt,
    pub(super) show: channel::Sender<LineView>,
    pub(super) handed: Handed,
}

impl Again {
    /// Tries until the line is begun and then keeps it, until told to stop.
    pub(super) async fn run(self, first: OpenError, stop: CancellationToken) {
        tracing::error!(error = %first, "there is no line to HQ yet; the box answers without");
        let (since, mut waits, mut why) = (UnixMillis::now(), Waits::new(), first.to_string());
        loop {
            let wait = waits.next();
            self.tell(since, &why, wait);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            match opened::open(&self.config).await {
                Ok(Some(opened)) => {
                    let Self { config, looked_at, show, handed } = self;
                    tracing::info!("the line to HQ can be begun after all");
                    let begun = Begun::new(&config, opened, looked_at, show, stop);
                    return handed.take_over(begun).await;
                }
                Ok(None) => {
                    tracing::info!("this box is not enrolled any more");
                    self.looked_at.metrics.line().phase("off", &view::PHASES);
                    self.show.send_replace(LineView::off());
                    return;
                }
                Err(error) => {
                    let another = error.to_string();
                    if another != why {
                        tracing::error!(%error, "there is still no line to HQ");
                        why = another;
                    }
                }
            }
        }
    }

    fn tell(&self, since: UnixMillis, why: &str, wait: Duration) {
        self.looked_at.metrics.line().phase("broken", &view::PHASES);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.show.send_replace(LineView {
            phase: "broken",
            since_ms: Some(since.0),
            next_try_ms: Some(UnixMillis::now().plus(wait_ms).0),
            trouble: Some(why.to_owned()),
            ..LineView::off()
        });
    }
}
