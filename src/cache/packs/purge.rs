//! What somebody purged here is not given by a pack either.

use super::super::report::Purge;
use super::super::tidy::about;
use crate::cache::{Cache, Key, Scope, id};
use crate::facts::Name;
use crate::protocol::documents::{PackScope, PackedAnswer};

impl Cache {
    /// Does not give what is meant any more, whichever pack has it. Blocks on the disk.
    pub(in crate::cache) fn purge_of_packs(&self, purge: &Purge) {
        let inner = &self.0;
        let Some(store) = &inner.store else { return };
        let meant = |(key, entry): &(Key, [u8; 32])| match purge {
            Purge::All => true,
            Purge::Answer(asked) => id(key).starts_with(asked),
            Purge::Fact(name) => {
                self.tells(entry, |answer| stands_on(answer, std::slice::from_ref(name)))
            }
            Purge::Product(sku) => self.tells(entry, |answer| stands_on(answer, &about(sku))),
            // Packs have these two scopes.
            Purge::Scope(Scope::Public) => self.tells(entry, |it| it.scope == PackScope::Public),
            Purge::Scope(Scope::Store) => self.tells(entry, |it| it.scope == PackScope::Store),
            Purge::Scope(_) => false,
            Purge::Model(model) => self.tells(entry, |answer| *answer.provenance.model == **model),
        };
        let gone: Vec<_> = inner.packs.all().into_iter().filter(meant).collect();
        if gone.is_empty() {
            return;
        }
        let (keys, entries): (Vec<Key>, Vec<[u8; 32]>) = gone.into_iter().unzip();
        inner.packs.hide(&keys);
        if let Err(error) = store.disk().purge_of_packs(&entries) {
            tracing::error!(%error, "what was purged of a pack comes back with a restart");
        }
    }

    /// One that cannot be read may be meant.
    fn tells(&self, entry: &[u8; 32], meant: impl Fn(&PackedAnswer) -> bool) -> bool {
        self.0.read_entry(entry).map_or(true, |answer| meant(&answer))
    }
}

fn stands_on(answer: &PackedAnswer, names: &[Name]) -> bool {
    let told = |name: &Name| {
        let name = name.to_string();
        answer.stands_on.facts.iter().any(|fact| *fact.name == *name)
    };
    names.iter().any(told)
}
