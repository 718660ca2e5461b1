//! All loops of this room together.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bundle::Runner;
use super::commands::{CommandTask, Hands};
use super::config::ConfigTask;
use super::epochs::FactsTask;
use super::packs::PackTask;
use super::surroundings::Surroundings;
use crate::protocol::Keys;
use crate::state::Store;

/// Cancels that wait for the bundles' loop.
const MAX_CANCELS: usize = 16;

/// What is kept as HQ wants it; what is not there is left alone.
pub struct Reconciler {
    /// The state.
    pub store: Store,
    /// Whom to believe.
    pub keys: Keys,
    /// The time, the hours and the WAN.
    pub around: Surroundings,
    /// The facts.
    pub facts: FactsTask,
    /// Answers that were made elsewhere.
    pub packs: PackTask,
    /// The settings.
    pub config: ConfigTask,
    /// The bundles.
    pub bundles: Runner,
    /// Whoever does commands of other rooms.
    pub hands: Arc<dyn Hands>,
}

impl Reconciler {
    /// Runs all loops until it is told to stop, and returns when all have ended.
    pub async fn run(self, stop: CancellationToken) {
        let Self { store, keys, around, facts, packs, config, bundles, hands } = self;
        let (cancels, cancelled) = mpsc::channel(MAX_CANCELS);
        let commands = CommandTask::new(store, keys, around, hands, cancels);
        tokio::join!(
            facts.run(stop.clone()),
            packs.run(stop.clone()),
            config.run(stop.clone()),
            bundles.run(cancelled, stop.clone()),
            commands.run(stop),
        );
    }
}
