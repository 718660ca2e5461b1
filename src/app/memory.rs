//! Counts what facts and search take of the memory budget, before models get the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{AppError, VECTORS_FILE};
use crate::config::Config;
use crate::engine::{Budget, Holding};
use crate::facts::Facts;
use crate::facts::search::Search;

/// How often it is counted where no fact changes: vectors come without a change.
const PERIOD: Duration = Duration::from_secs(5);

/// The memory budget, and what of it is not for models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub budget_bytes: u64,
    /// What facts, the index of products and their vectors take.
    pub held_bytes: BTreeMap<&'static str, u64>,
}

/// What a server with these settings would have. Opens the facts, which a running server has for itself,
/// and blocks while the index is made.
pub fn measure(config: &Config) -> Result<Memory, AppError> {
    let budget = budget(config);
    let held = Held::open(&budget);
    if config.facts_file().exists() {
        let facts = Facts::open(&config.facts_file(), config.facts.clone())?;
        let vectors = Some(config.data_dir.join(VECTORS_FILE)).filter(|file| file.exists());
        let search = Search::open(facts.clone(), vectors.as_deref())?;
        search.catch_up()?;
        held.count(&facts, &search);
    }
    Ok(Memory { budget_bytes: budget.total_bytes(), held_bytes: budget.held_bytes() })
}

/// Memory for models and what stands beside them. Answers in memory are part of what the process takes
/// of the machine where nobody says otherwise.
pub(super) fn budget(config: &Config) -> Budget {
    let whole = config.engine.budget();
    if config.engine.memory_budget_bytes.is_some() {
        return whole;
    }
    let total = whole.total_bytes();
    Budget::new(total.saturating_sub(config.cache.memory_bytes).max(total / 2))
}

/// What the store holds beside its models.
pub(super) struct Held {
    facts: Holding,
    index: Holding,
    vectors: Holding,
}

impl Held {
    /// Nothing yet.
    pub(super) fn open(budget: &Budget) -> Self {
        Self {
            facts: budget.hold("facts"),
            index: budget.hold("index"),
            vectors: budget.hold("vectors"),
        }
    }

    /// Takes what facts and search have now. Blocks while the index catches up.
    pub(super) fn count(&self, facts: &Facts, search: &Search) {
        let (status, memory) = (facts.status(), search.memory());
        // A shop that knows nothing has a file of some pages.
        let beside_bytes = if status.memory_bytes > 0 { status.beside_bytes } else { 0 };
        self.facts.set((status.memory_bytes + beside_bytes) as u64);
        self.index.set(memory.index_bytes as u64);
        self.vectors.set(memory.vector_bytes as u64);
    }
}

/// Counts after each change and from time to time, until it is dropped.
pub(super) async fn keep(held: Held, facts: Facts, search: Arc<Search>) {
    let (held, mut news) = (Arc::new(held), facts.watch());
    loop {
        // Many changes at once are counted together.
        tokio::time::sleep(Duration::from_millis(200)).await;
        news.mark_unchanged();
        let (held, facts, search) = (Arc::clone(&held), facts.clone(), Arc::clone(&search));
        let counted = tokio::task::spawn_blocking(move || held.count(&facts, &search)).await;
        counted.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
        let _ = tokio::time::timeout(PERIOD, news.changed()).await;
    }
}
