//! What HQ keeps and how much of it.

use std::path::PathBuf;
use std::time::Duration;

/// How long and how much is kept of what nodes told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Events, declared gaps and messages that were laid aside.
    pub events: Duration,
    /// Measured values.
    pub telemetry: Duration,
    /// Lines of logs.
    pub logs: Duration,
    /// Acts of people and entries of audit logs.
    pub audit: Duration,
    /// Rows of any one of these tables; the oldest leave.
    pub rows: u32,
    /// Of these, rows of one node; its own oldest leave.
    pub rows_of_a_node: u32,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Keep {
    fn default() -> Self {
        Self {
            events: DAY * 400,
            telemetry: DAY * 30,
            logs: DAY * 14,
            audit: DAY * 3650,
            rows: 20_000_000,
            rows_of_a_node: 1_000_000,
        }
    }
}

/// How much one node may say; what is beyond it is left and comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages of a KiB at once, as of a box that was away for days.
    pub burst: u32,
    /// Messages of a KiB a second.
    pub per_second: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { burst: 60_000, per_second: 60 }
    }
}

/// Settings of [`super::Hq`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HqConfig {
    /// The folder of its database, keys and artefacts; made where it is missing.
    pub data_dir: PathBuf,
    /// What is kept.
    pub keep: Keep,
    /// What one node may say.
    pub rate: Rate,
    /// Connections that read the database; one more writes.
    pub readers: u32,
    /// Where nodes find the broker, as `mqtts://host:port`; they are told when they enrol.
    pub node_broker: Option<String>,
    /// How long a node's certificate holds; it is renewed after two thirds of that.
    pub certificate_life: Duration,
}

impl HqConfig {
    /// The usual settings over a folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            keep: Keep::default(),
            rate: Rate::default(),
            readers: 4,
            node_broker: None,
            certificate_life: DAY * 90,
        }
    }
}
