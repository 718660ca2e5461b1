//! How much of requests' tensors and pictures' files is in memory at once.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::api::service::Limits;
use crate::http::{Kind, Problem};
use crate::units::Bytes;

/// What one permit stands for.
const PERMIT_BYTES: usize = 4096;
/// When to come back where others' tensors take all of it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes that requests' bodies may have together, from before one is read until it is answered.
pub(in crate::api) struct TensorMemory {
    permits: Arc<Semaphore>,
    total_bytes: usize,
}

impl TensorMemory {
    /// As much as the limits say.
    pub(in crate::api) fn new(limits: &Limits) -> Self {
        let total_bytes = limits.max_tensor_bytes_at_once.max(limits.max_tensor_bytes);
        let permits = total_bytes.div_ceil(PERMIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), total_bytes }
    }

    /// Waits for room for so many bytes, in order of arrival; the room is free again when what is
    /// returned is dropped. 503 when none was free in time.
    pub(in crate::api) async fn hold(
        &self,
        bytes: usize,
        patience: Duration,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = bytes.min(self.total_bytes).div_ceil(PERMIT_BYTES);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let held = timeout(patience, Arc::clone(&self.permits).acquire_many_owned(permits)).await;
        held.map_err(|_| self.full())?.map_err(Problem::internal)
    }

    fn full(&self) -> Problem {
        let message = format!(
            "the bodies of other requests take all of {} (max_tensor_bytes_at_once)",
            Bytes(self.total_bytes as u64)
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
            .code("tensor_memory_full")
            .retry_after(RETRY_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it_and_not_for_ever() {
        let limits = Limits {
            max_tensor_bytes: 1 << 20,
            max_tensor_bytes_at_once: 1 << 20,
            ..Limits::default()
        };
        let memory = TensorMemory::new(&limits);
        let patience = Duration::from_millis(20);
        let first = memory.hold(900 << 10, patience).await.unwrap();
        let problem = memory.hold(200 << 10, patience).await.unwrap_err();
        assert_eq!(problem.status(), 503);
        assert!(problem.body().message.contains("max_tensor_bytes_at_once"));
        drop(first);
        let whole = memory.hold(2 << 20, patience).await;
        assert!(whole.is_ok(), "more than there is counts as all of it");
    }
}
