//! Whether the box lives and whether it can answer.

use std::sync::atomic::{AtomicU8, Ordering};

use schemars::JsonSchema;
use serde::Serialize;

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Models are being loaded.
    Starting,
    /// Requests are answered.
    Ready,
    /// Running requests end; no new ones are taken.
    Draining,
}

/// The stage, shared by those who change it and those who show it.
#[derive(Debug, Default)]
pub struct Health(AtomicU8);

impl Health {
    /// Enters a stage. There is no way back from draining.
    pub fn enter(&self, stage: Stage) {
        self.0.fetch_max(stage as u8, Ordering::Relaxed);
    }

    /// The stage now.
    pub fn stage(&self) -> Stage {
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Starting,
            1 => Stage::Ready,
            _ => Stage::Draining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Stage};

    #[test]
    fn stages_only_go_forward() {
        let health = Health::default();
        assert_eq!(health.stage(), Stage::Starting);
        health.enter(Stage::Ready);
        health.enter(Stage::Draining);
        health.enter(Stage::Ready);
        assert_eq!(health.stage(), Stage::Draining);
    }
}
