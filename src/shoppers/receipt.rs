//! What was erased.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::id::SubjectId;

/// That something was erased, for who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// A name of its own; it says nothing of whom.
    pub id: String,
    /// When, in seconds since 1970.
    pub at: u64,
    /// How much of what.
    pub what: Erased,
}

/// How much of what was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Erased {
    /// Conversations.
    pub conversations: u64,
    /// Turns of them.
    pub turns: u64,
    /// Profiles.
    pub profiles: u64,
    /// Kept inputs of generated answers.
    pub answers: u64,
    /// Handoffs to associates.
    pub handoffs: u64,
    /// Kept answers that were made for the subject alone.
    pub cache_entries: u64,
    /// Corrections and other feedback.
    pub feedback: u64,
    /// Lines of logs. Nothing personal is written to them, so there is none to erase.
    pub logs: u64,
}

impl AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.conversations += more.conversations;
        self.turns += more.turns;
        self.profiles += more.profiles;
        self.answers += more.answers;
        self.handoffs += more.handoffs;
        self.cache_entries += more.cache_entries;
        self.feedback += more.feedback;
        self.logs += more.logs;
    }
}

/// A room that keeps something of subjects, and erases it with them.
pub trait Reach: Send + Sync {
    /// The room's name, for errors.
    fn room(&self) -> &'static str;

    /// Erases what is kept of a subject, and says how much. The subject's key is gone already. May
    /// come again, after a power cut; then it finds nothing. Blocks on the disk.
    fn erase(&self, subject: &SubjectId) -> Result<Erased, String>;

    /// The time of what was kept of a subject is over, and nobody asked for it to be erased.
    fn over(&self, subject: &SubjectId) -> Result<Erased, String> {
        self.erase(subject)
    }

    /// The subject's conversation ended by itself: nobody will ask in its name any more, and what is
    /// sealed of it stays for its time.
    fn ended(&self, _: &SubjectId) {}
}
