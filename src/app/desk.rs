//! The desk, joined with the assistant who calls for it.

use std::sync::Arc;

use super::AppError;
use crate::config::Config;
use crate::desk::{Call, Desk, DeskError};
use crate::shoppers::{Conversation, Shoppers};
use crate::skills::concierge;
use crate::telemetry::DeskMetrics;

/// Opens it, off the async threads.
pub(super) async fn open(
    config: &Config,
    shoppers: Shoppers,
    metrics: DeskMetrics,
) -> Result<Desk, AppError> {
    let (folder, settings) = (config.data_dir.clone(), config.desk.clone());
    let open = move || -> Result<Desk, AppError> {
        let desk = Desk::open(&folder, shoppers.clone(), settings, metrics)?;
        shoppers.reach(desk.reach());
        Ok(desk)
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
}

/// The desk as the assistant knows it.
pub(super) fn caller(desk: &Desk) -> Arc<dyn concierge::Desk> {
    Arc::new(Caller(desk.clone()))
}

struct Caller(Desk);

impl concierge::Desk for Caller {
    fn hand_off(
        &self,
        conversation: &Conversation,
        why: concierge::Why,
    ) -> Result<concierge::Called, concierge::DeskError> {
        let concierge::Why { reason, anger, summary, suggested_replies } = why;
        let concierge::Summary { text, products } = summary;
        let call = Call { reason, anger, summary: text, products, suggested_replies };
        match self.0.hand_off(conversation, call) {
            Ok(id) => Ok(concierge::Called { id: id.to_string() }),
            Err(DeskError::Full { open }) => Err(concierge::DeskError::Full { open }),
            Err(error) => Err(concierge::DeskError::Failed(error.to_string())),
        }
    }

    fn is_staffed(&self) -> bool {
        self.0.is_staffed()
    }
}
