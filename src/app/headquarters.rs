//! HQ's server from its first to its last moment.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{AppError, signals, supervisor};
use crate::hq::server::{self, ServeError, ServerConfig, Started};
use crate::telemetry::{self, LogFormat, Metrics};

/// Serves HQ until a signal, or until `over`, then drains. `announce` is called once, when it listens.
pub async fn run_hq(
    config: ServerConfig,
    (format, filter): (LogFormat, &str),
    over: impl Future<Output = ()> + Send + 'static,
    announce: impl FnOnce(&Started),
) -> Result<(), AppError> {
    telemetry::start(format, filter, None)?;
    let stop = CancellationToken::new();
    signals::watch(stop.clone())?;
    let _watched = supervisor::watch(stop.clone());
    let stops = stop.clone();
    tokio::spawn(async move {
        over.await;
        stops.cancel();
    });
    let metrics = Arc::new(Metrics::new().with_hq());
    let drained = server::serve(config, metrics, stop, |_, started| {
        announce(started);
        supervisor::ready(&format!("serving HQ on {}", started.url));
        tracing::info!(url = started.url, "serving HQ");
    })
    .await?;
    tracing::info!(cut = drained.cut, "stopped");
    Ok(())
}

impl From<ServeError> for AppError {
    fn from(fault: ServeError) -> Self {
        match fault {
            ServeError::Hq(fault) => Self::Hq(fault),
            ServeError::Http(fault) => fault.into(),
        }
    }
}
