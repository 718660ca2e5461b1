//! Shoppers' conversations: opened, joined with whoever takes part in them, and ended when idle.

use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::connector::Webhook;
use crate::api::Conversations;
use crate::config::Config;
use crate::facts::UnixSeconds;
use crate::shoppers::Shoppers;
use crate::skills::concierge::Orders;

/// How often what was said is brought to the disk.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked which conversations are over, in such periods.
const SWEEP_EVERY: u64 = 10;

/// Opens them, off the async threads.
pub(super) async fn open(config: &Config) -> Result<Conversations, AppError> {
    let (folder, house) = (config.data_dir.clone(), config.house.clone());
    let settings = config.shoppers.clone();
    let connector = config.connector.clone();
    let open = move || -> Result<Conversations, AppError> {
        let shoppers = Shoppers::open(&folder, settings)?;
        let webhook = connector.map(Webhook::open).transpose()?;
        let orders = webhook.map(|webhook| Arc::new(webhook) as Arc<dyn Orders>);
        Ok(Conversations { house, orders, ..Conversations::alone(shoppers) })
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
}

/// Brings what was said to the disk, and ends conversations in which nothing happens any more.
pub(super) async fn sweep(shoppers: Shoppers) {
    let mut ticks = tokio::time::interval(FLUSH_PERIOD);
    for tick in 0u64.. {
        ticks.tick().await;
        let shoppers = shoppers.clone();
        let now = UnixSeconds::now().0.unsigned_abs();
        let work = move || match tick % SWEEP_EVERY {
            0 => shoppers.sweep(now).map(drop),
            _ => shoppers.flush(),
        };
        let swept = tokio::task::spawn_blocking(work).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "conversations could not be brought to the disk or ended");
        }
    }
}
