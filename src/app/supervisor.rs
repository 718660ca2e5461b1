//! What systemd is told of this process, where it started it: that it is ready, how it goes, that
//! it stops. Elsewhere all this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;

/// The process answers from now on. A `NOTIFY_SOCKET` that nobody reads costs the notice alone.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What `systemctl status` shows.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Says once that the process stops, and until the returned guard goes, as often as the watchdog
/// wants, that it goes on: while async tasks get their turn and threads for blocking work come free.
/// A process in which either is stuck answers nobody and is started anew.
pub(super) fn watch(stop: CancellationToken) -> Watched {
    tokio::spawn(async move {
        stop.cancelled().await;
        tell(&[NotifyState::Stopping]);
    });
    Watched(
        sd_notify::watchdog_enabled().map(|within| tokio::spawn(go_on(within / 3)).abort_handle()),
    )
}

/// Ends the beats when it goes.
#[must_use]
pub(super) struct Watched(Option<tokio::task::AbortHandle>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(beats) = &self.0 {
            beats.abort();
        }
    }
}

async fn go_on(every: Duration) {
    let mut beats = interval_at(Instant::now(), every);
    loop {
        beats.tick().await;
        if tokio::task::spawn_blocking(|| ()).await.is_ok() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
