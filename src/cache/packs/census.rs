//! How many answers of a pack can be given here, and why the others cannot.

use std::collections::HashSet;

use super::bind::Unfit;
use crate::cache::Cache;
use crate::facts::Unlike;

/// The answers of a pack by what keeps them from being given. It is a moment's picture: facts come and
/// models do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Given as soon as they are asked for.
    pub ready: u64,
    /// Made by a model, or by settings, that nothing here has: they lie cold.
    pub no_model: u64,
    /// What they stand on is otherwise here.
    pub other_facts: u64,
    /// The shop's clock runs otherwise.
    pub other_clock: u64,
    /// Their time is over.
    pub over: u64,
    /// This program does not understand them.
    pub unreadable: u64,
    /// They had no room in the packs' share.
    pub no_room: u64,
    /// Somebody purged them here.
    pub purged: u64,
}

impl Census {
    /// Each count by its name.
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("ready", self.ready),
            ("no_model", self.no_model),
            ("other_facts", self.other_facts),
            ("other_clock", self.other_clock),
            ("over", self.over),
            ("unreadable", self.unreadable),
            ("no_room", self.no_room),
            ("purged", self.purged),
        ]
    }
}

impl Cache {
    /// Looks at every answer of the pack whose answers are given. `known` tells whether a model of this
    /// digest answers here. Blocks on the disk.
    pub fn census(&self, known: &dyn Fn(&str) -> bool) -> Census {
        let inner = &self.0;
        let mut census = Census::default();
        let Some(store) = &inner.store else { return census };
        let Ok(sets) = store.disk().packs() else { return census };
        let shown: HashSet<_> = inner.packs.all().into_iter().map(|(_, entry)| entry).collect();
        for row in sets.current.iter().flat_map(|set| &set.rows) {
            let count = match (row.key, shown.contains(&row.digest)) {
                (None, _) => &mut census.no_room,
                (Some(_), false) => &mut census.purged,
                (Some(_), true) => match inner.read_entry(&row.digest) {
                    Ok(answer) if !known(&answer.provenance.model_digest) => &mut census.no_model,
                    Ok(answer) => match inner.holds_here(&answer) {
                        Ok(_) => &mut census.ready,
                        Err(Unfit::Unlike(Unlike::Clock)) => &mut census.other_clock,
                        Err(Unfit::Unlike(Unlike::Over { .. })) => &mut census.over,
                        Err(Unfit::Unlike(Unlike::Fact { .. })) => &mut census.other_facts,
                        Err(Unfit::Unreadable(_)) => &mut census.unreadable,
                    },
                    Err(_) => &mut census.unreadable,
                },
            };
            *count += 1;
        }
        census
    }
}
