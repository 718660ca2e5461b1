//! How much is kept, and for whom.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Policy;

/// One part in so many of the memory is for questions by meaning.
const QUESTIONS_PART: u64 = 4;
/// One part in so many of the memory, and of the disk, is for packs.
const PACKS_MEMORY_PART: u64 = 32;
const PACKS_DISK_PART: u64 = 8;

/// Which tiers may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tiers {
    /// None: every answer is made.
    Off,
    /// Only the same question.
    Exact,
    /// Questions of the same meaning too.
    Semantic,
}

impl Tiers {
    /// As settings have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Exact => "exact",
            Self::Semantic => "semantic",
        }
    }
}

impl std::str::FromStr for Tiers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Off, Self::Exact, Self::Semantic];
        let found = all.into_iter().find(|tiers| tiers.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not off, exact or semantic"))
    }
}

/// Settings of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Of answers and questions in memory.
    pub memory_bytes: u64,
    /// Of entries on disk; 0 keeps none there.
    pub disk_bytes: u64,
    /// Of one answer; a larger one is not kept.
    pub max_answer_bytes: usize,
    /// Entries older than this are not given.
    pub max_age: Duration,
    /// What is not written yet is written after this time.
    pub write_pause: Duration,
    /// By route (`chat`, `copy`, `ask`); others have [`Tiers::Exact`].
    pub routes: BTreeMap<String, Tiers>,
    /// By package; the narrower of route and package counts.
    pub models: BTreeMap<String, Tiers>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            disk_bytes: 512 << 20,
            max_answer_bytes: 2 << 20,
            max_age: Duration::from_secs(30 * 24 * 3600),
            write_pause: Duration::from_secs(1),
            routes: BTreeMap::from([("ask".to_owned(), Tiers::Semantic)]),
            models: BTreeMap::new(),
        }
    }
}

impl Config {
    /// What questions by meaning may take of the memory: none where no route asks for them.
    pub(super) fn questions_bytes(&self, routes: &BTreeMap<String, Tiers>) -> u64 {
        let asked = routes.values().any(|tiers| *tiers == Tiers::Semantic);
        if asked { self.memory_bytes / QUESTIONS_PART } else { 0 }
    }

    /// What is left of it for answers.
    pub(super) fn answers_bytes(&self, routes: &BTreeMap<String, Tiers>) -> u64 {
        self.memory_bytes - self.questions_bytes(routes) - self.packs_memory_bytes()
    }

    /// What is left of the disk for answers that are made here.
    pub(super) fn answers_disk_bytes(&self) -> u64 {
        self.disk_bytes - self.packs_disk_bytes()
    }

    /// What the names of packs' answers may take of the memory.
    pub(super) fn packs_memory_bytes(&self) -> u64 {
        self.memory_bytes / PACKS_MEMORY_PART
    }

    /// What packs may take of the disk.
    pub(super) fn packs_disk_bytes(&self) -> u64 {
        self.disk_bytes / PACKS_DISK_PART
    }

    /// What asks of this package may use, on a route that may use these tiers.
    pub(super) fn policy(&self, route: Tiers, model: &str) -> Policy {
        let model = self.models.get(model).copied().unwrap_or(Tiers::Semantic);
        let policy = match route.min(model) {
            Tiers::Off => Policy::BYPASS,
            Tiers::Exact => Policy::EXACT,
            Tiers::Semantic => Policy::SEMANTIC,
        };
        Policy { max_age: Some(self.max_age), ..policy }
    }
}
