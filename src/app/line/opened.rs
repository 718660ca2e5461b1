//! What the line is begun with: whom to speak to, the state, the time, the settings.

use std::sync::Arc;

use super::BUILT;
use super::settings::honour;
use crate::config::Config;
use crate::reconcile::config::ConfigRoom;
use crate::reconcile::{ReconcileError, Timekeeper};
use crate::state::{StateError, Store};
use crate::sync::{LineError, Resolved};

/// A line that can be begun.
pub(super) struct Opened {
    pub(super) resolved: Resolved,
    pub(super) store: Store,
    pub(super) time: Arc<Timekeeper>,
    pub(super) room: ConfigRoom,
}

/// Why it cannot be begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Settings(#[from] ReconcileError),
}

/// Reads the enrolment and opens the state, off the async threads; `None` where this box has no line.
pub(super) async fn open(config: &Config) -> Result<Option<Opened>, OpenError> {
    let (settings, path) = (config.line.clone(), config.state_file());
    let below = config.below_hq.clone();
    let open = move || -> Result<Option<Opened>, OpenError> {
        let Some(resolved) = settings.resolve()? else { return Ok(None) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(LineError::Folder)?;
        }
        let place = resolved.trust.who.place.clone();
        let store = Store::open(&path, place, settings.state)?;
        let time = Arc::new(Timekeeper::new(BUILT, store.floor()?));
        let room = ConfigRoom::open(store.clone(), below, Arc::new(honour), time.time().0)?;
        Ok(Some(Opened { resolved, store, time, room }))
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or(Err(OpenError::Line(LineError::BrokenOff)))
}
