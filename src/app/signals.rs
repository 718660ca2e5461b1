//! Ctrl-C and SIGTERM: once to drain, twice to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::AppError;

/// What shells expect of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Cancels `stop` at the first signal and ends the process at the second.
pub(super) fn watch(stop: CancellationToken) -> Result<(), AppError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signals)?;
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping: running answers finish, a second signal ends them");
        stop.cancel();
        either(&mut interrupt, &mut terminate).await;
        end_at_once();
    });
    Ok(())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the person asked twice; nothing is worth waiting for"
)]
fn end_at_once() {
    std::process::exit(INTERRUPTED);
}
