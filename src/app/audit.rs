//! Records of generated answers: opened, told to HQ head by head, and counted; and the cache, reached
//! by erasures.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::AppError;
use crate::api::{Act, Acts};
use crate::audit::{Audit, Head};
use crate::cache::{Cache, Purge, Scope, ScopeId};
use crate::config::Config;
use crate::shoppers::{Erased, Reach, Shoppers, SubjectId};
use crate::telemetry::{KeptMetrics, Metrics};

/// How often what is kept is counted.
const COUNT_PERIOD: Duration = Duration::from_secs(15);
/// The act by which HQ is told the head of the chain, and who does it.
const HEAD: &str = "answers.head";
const BY: &str = "box";

/// Opens them, off the async threads.
pub(super) async fn open(config: &Config, shoppers: Shoppers) -> Result<Audit, AppError> {
    let (folder, settings) = (config.data_dir.clone(), config.audit.clone());
    let open = move || Audit::open(&folder, shoppers, settings);
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))?)
}

/// Tells HQ the head of the chain where something was added, so that the chain cannot be written anew
/// unnoticed. What HQ has no room for now is told with the next head.
pub(super) async fn tell(audit: Audit, acts: Arc<dyn Acts>) {
    let mut ticks = tokio::time::interval(audit.config().tell_every);
    let mut told = None;
    loop {
        ticks.tick().await;
        let from = audit.clone();
        let head = match tokio::task::spawn_blocking(move || from.head()).await {
            Ok(Ok(head)) => head,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the head of the records of answers cannot be read");
                continue;
            }
            Err(_) => continue, // A panic was told by its thread.
        };
        if head.entries == 0 || told == Some(head) {
            continue;
        }
        match acts.write(act(&head)).await {
            Ok(()) => told = Some(head),
            Err(error) => tracing::warn!(%error, "HQ is not told the head of the records yet"),
        }
    }
}

fn act(head: &Head) -> Act {
    let fields = [("entries", Value::from(head.entries)), ("head", head.digest().into())];
    let about = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Act { by: BY.to_owned(), name: HEAD, about }
}

/// Counts what is kept of shoppers and answers, again and again.
pub(super) async fn count(shoppers: Shoppers, audit: Audit, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(COUNT_PERIOD);
    loop {
        ticks.tick().await;
        let (shoppers, audit) = (shoppers.clone(), audit.clone());
        let counted =
            tokio::task::spawn_blocking(move || shoppers.figures().ok().zip(audit.figures().ok()));
        if let Ok(Some((shoppers, audit))) = counted.await {
            metrics.kept().set(&KeptMetrics {
                conversations: shoppers.conversations,
                profiles: shoppers.profiles,
                subjects: shoppers.subjects,
                records: audit.records,
                inputs_bytes: audit.inputs_bytes,
                lost: audit.lost,
            });
        }
    }
}

/// The cache, which has answers that are one shopper's in memory.
pub(super) struct Cached(pub(super) Cache);

impl Reach for Cached {
    fn room(&self) -> &'static str {
        "cache"
    }

    fn erase(&self, subject: &SubjectId) -> Result<Erased, String> {
        let scope = Scope::Shopper(ScopeId::of(&subject.to_string()));
        let gone = self.0.purge(&Purge::Scope(scope));
        Ok(Erased { cache_entries: gone.entries as u64, ..Erased::default() })
    }

    /// Nobody asks in its name any more, and what is hot pushes it out.
    fn over(&self, _: &SubjectId) -> Result<Erased, String> {
        Ok(Erased::default())
    }
}
