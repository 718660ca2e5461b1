//! What can go wrong on a device.

use std::time::Duration;

/// Why a device cannot do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No adapter may serve.
    #[error("no graphics processor can serve here{}", listed(refused))]
    NoAdapter {
        /// Those there are, each with what stands against it.
        refused: Vec<String>,
    },
    /// The driver gave no device.
    #[error("{adapter} gave no device: {why}")]
    Open {
        /// Which adapter.
        adapter: String,
        /// What the driver said.
        why: String,
    },
    /// There is too little memory on the device, or it may not have more.
    #[error(
        "{what} takes {bytes} bytes, and {free_bytes} of {budget_bytes} are free on the device"
    )]
    Memory {
        /// What was to be there.
        what: String,
        /// Its size.
        bytes: u64,
        /// What is free.
        free_bytes: u64,
        /// What the device may have in all.
        budget_bytes: u64,
    },
    /// The device is gone, or a driver's fault made what is on it doubtful.
    #[error("the device is lost: {0}")]
    Lost(String),
    /// The device did not answer in time.
    #[error("the device did not answer within {} ms", .0.as_millis())]
    Hung(Duration),
    /// The model has something that there is no kernel for.
    #[error("{0}")]
    Unsupported(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

fn listed(refused: &[String]) -> String {
    if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) }
}
