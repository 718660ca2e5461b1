//! What the rest of the box asks of a line, whether it is begun at the start or later.

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::begun::Begun;
use super::notes::Notes;
use crate::api::{
    Act, ActError, Acts, ConfigView, OverrideRequest, Settings, SettingsError, Unaudited,
};

/// Settings, where acts are written down, and who takes notes; settings are those of the file until a line is begun. A clone is the same.
#[derive(Clone)]
pub(super) struct Handed(Arc<RwLock<Now>>);

struct Now {
    settings: Arc<dyn Settings>,
    acts: Arc<dyn Acts>,
    notes: Option<Notes>,
}

impl Handed {
    /// What there is without a line.
    pub(super) fn new(settings: Arc<dyn Settings>) -> Self {
        Self(Arc::new(RwLock::new(Now { settings, acts: Arc::new(Unaudited), notes: None })))
    }

    /// Has this line asked from now on. What it gives ends when all that runs of the line has ended.
    pub(super) fn take_over(&self, begun: Begun) -> impl Future<Output = ()> + use<> {
        let Begun { settings, acts, notes, mut tasks } = begun;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Now { settings, acts: Arc::new(acts), notes: Some(notes) };
        async move { while tasks.join_next().await.is_some() {} }
    }

    /// Who takes notes, for the last ones: the writer ends when nobody takes any more.
    pub(super) fn take_notes(&self) -> Option<Notes> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).notes.take()
    }

    fn settings(&self) -> Arc<dyn Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).settings)
    }
}

/// Without a line that was begun there is no log: a shop that cannot reach HQ must still be able to change a
/// price.
impl Acts for Handed {
    fn write(&self, act: Act) -> BoxFuture<'_, Result<(), ActError>> {
        let acts = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).acts);
        async move { acts.write(act).await }.boxed()
    }
}

impl Settings for Handed {
    fn view(&self) -> BoxFuture<'_, Result<ConfigView, SettingsError>> {
        let settings = self.settings();
        async move { settings.view().await }.boxed()
    }

    fn lay(&self, by: &str, over: OverrideRequest) -> BoxFuture<'_, Result<(), SettingsError>> {
        let (settings, by) = (self.settings(), by.to_owned());
        async move { settings.lay(&by, over).await }.boxed()
    }

    fn lift(&self, by: &str) -> BoxFuture<'_, Result<bool, SettingsError>> {
        let (settings, by) = (self.settings(), by.to_owned());
        async move { settings.lift(&by).await }.boxed()
    }
}
