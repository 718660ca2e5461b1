//! Shoppers' conversations: opened, joined with whoever takes part in them, and ended when idle.

use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::connector::Webhook;
use crate::api::Conversations;
use crate::config::Config;
use crate::facts::UnixSeconds;
use crate::shoppers::{Shoppers, ShoppersConfig};
use crate::skills::concierge::Orders;

/// How often it is looked which conversations are over.
const SWEEP_PERIOD: Duration = Duration::from_secs(10);

/// Opens them, off the async threads.
pub(super) async fn open(config: &Config) -> Result<Conversations, AppError> {
    let (folder, house) = (config.data_dir.clone(), config.house.clone());
    let connector = config.connector.clone();
    let open = move || -> Result<Conversations, AppError> {
        let shoppers = Shoppers::open(&folder, ShoppersConfig::default())?;
        let webhook = connector.map(Webhook::open).transpose()?;
        let orders = webhook.map(|webhook| Arc::new(webhook) as Arc<dyn Orders>);
        Ok(Conversations { house, orders, ..Conversations::alone(shoppers) })
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
}

/// Ends conversations in which nothing happens any more.
pub(super) async fn sweep(shoppers: Shoppers) {
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    loop {
        ticks.tick().await;
        let shoppers = shoppers.clone();
        let now = UnixSeconds::now().0.unsigned_abs();
        let swept = tokio::task::spawn_blocking(move || shoppers.sweep(now)).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "conversations that are over could not be ended");
        }
    }
}
