//! How patient and how eager the line is.

/// Times and amounts of the line. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineConfig {
    /// Within how long the first try after a loss is made; doubles with each failure.
    pub first_retry_ms: u64,
    /// Within how long a try is made at most.
    pub max_retry_ms: u64,
    /// How long a connection must hold before earlier failures are forgotten.
    pub stable_ms: u64,
    /// How long a connection, and then each of its steps, may take.
    pub step_ms: u64,
    /// After how long a question to HQ is asked again at first; doubles up to `max_retry_ms`.
    pub ask_again_ms: u64,
    /// How often HQ is asked for what may have been missed while all is well.
    pub refresh_ms: u64,
    /// After how long without an ack messages are sent again at first; doubles up to `max_retry_ms`.
    pub send_again_ms: u64,
    /// How long the broker may leave a message without its PUBACK.
    pub stall_ms: u64,
    /// Bytes of backlog that are sent in a second.
    pub backlog_bytes_per_s: u64,
    /// Messages of a stream that are sent beyond what HQ has stored.
    pub window: u64,
    /// Messages that are given to the broker before it has taken them.
    pub max_in_flight: usize,
    /// Bytes that are read from the outbox at once.
    pub read_bytes: u64,
}

impl Default for LineConfig {
    fn default() -> Self {
        Self {
            first_retry_ms: 1000,
            max_retry_ms: 10 * 60 * 1000,
            stable_ms: 5 * 60 * 1000,
            step_ms: 30 * 1000,
            ask_again_ms: 10 * 1000,
            refresh_ms: 30 * 60 * 1000,
            send_again_ms: 30 * 1000,
            stall_ms: 60 * 1000,
            backlog_bytes_per_s: 64 * 1024,
            window: 256,
            max_in_flight: 32,
            read_bytes: 64 * 1024,
        }
    }
}
