//! What is kept of a subject goes with it.

use std::sync::Arc;

use super::handoff::Outcome;
use super::room::Desk;
use super::rows::{self, HANDOFFS};
use super::shoppers::{Erased, Reach, SubjectId};

impl Desk {
    /// This room, as those who erase call it.
    pub fn reach(&self) -> Arc<dyn Reach> {
        Arc::new(Erasing(self.clone()))
    }

    /// A shopper who is gone waits for nobody.
    fn leave(&self, subject: &SubjectId) -> u64 {
        let theirs = self.handoffs().into_iter().filter(|handoff| handoff.subject == *subject);
        theirs.filter(|handoff| self.over(handoff.id, Outcome::Left).is_ok()).count() as u64
    }
}

struct Erasing(Desk);

impl Reach for Erasing {
    fn room(&self) -> &'static str {
        "desk"
    }

    fn erase(&self, subject: &SubjectId) -> Result<Erased, String> {
        let open = self.0.leave(subject);
        let erased = self.0.write(|transaction| {
            let handoffs = open + rows::erase(transaction, HANDOFFS, subject)?;
            let feedback = rows::erase_examples(transaction, subject)?;
            Ok(Erased { handoffs, feedback, ..Erased::default() })
        });
        self.0.0.corrected.send_modify(|_| {});
        erased.map_err(|error| error.to_string())
    }

    fn ended(&self, subject: &SubjectId) {
        self.0.leave(subject);
    }
}
