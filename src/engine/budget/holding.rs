//! What stands in memory beside the models.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Budget, Shared};

/// What something that is no model takes of a [`Budget`]. It comes before the models: where it grows,
/// they give back pages that they only keep, and those that nobody uses leave. Dropped, it takes
/// nothing.
#[derive(Debug)]
pub struct Holding {
    shared: Arc<Shared>,
    name: &'static str,
}

impl Budget {
    /// The holding of this name, empty at first. There is one of each name.
    pub fn hold(&self, name: &'static str) -> Holding {
        self.shared.lock().held.insert(name, 0);
        Holding { shared: Arc::clone(&self.shared), name }
    }

    /// Bytes that every holding has, by its name.
    pub fn held_bytes(&self) -> BTreeMap<&'static str, u64> {
        self.shared.lock().held.clone()
    }
}

impl Holding {
    /// It has so many bytes now, whether or not they were free.
    pub fn set(&self, bytes: u64) {
        let mut state = self.shared.lock();
        if state.held.insert(self.name, bytes) == Some(bytes) {
            return;
        }
        let wake: Vec<_> = state.members.iter().filter_map(|m| m.wake.clone()).collect();
        let keeper = state.keeper.clone();
        drop(state);
        self.shared.freed.notify_all();
        wake.iter().chain(&keeper).for_each(|wake| wake());
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shared.lock().held.remove(self.name);
        self.shared.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn models_have_what_holdings_leave() {
        let budget = Budget::new(100);
        let (facts, index) = (budget.hold("facts"), budget.hold("index"));
        let mut model = budget.open();
        facts.set(30);
        index.set(20);
        assert_eq!(
            (budget.total_bytes(), budget.models_bytes(), budget.free_bytes()),
            (100, 50, 50)
        );
        assert_eq!(budget.held_bytes(), BTreeMap::from([("facts", 30), ("index", 20)]));
        assert!(!model.hold_weights(51, Duration::ZERO) && model.hold_weights(50, Duration::ZERO));
        drop(index);
        assert_eq!((budget.free_bytes(), model.most_for_pages()), (20, 20));
        assert!(model.take_pages(20, 20) && !model.has(1));
    }

    #[test]
    fn where_a_holding_grows_pages_are_wanted_back_and_weights_are_lacking() {
        let budget = Budget::new(100);
        let facts = budget.hold("facts");
        let told = Arc::new(AtomicUsize::new(0));
        let mut model = budget.open();
        let [heard, calls] = [Arc::clone(&told), Arc::clone(&told)];
        model.wake_with(move || {
            heard.fetch_add(1, Ordering::SeqCst);
        });
        budget.when_lacking(move || {
            calls.fetch_add(1, Ordering::SeqCst);
        });
        assert!(model.hold_weights(50, Duration::ZERO) && model.take_pages(40, 40));
        facts.set(30);
        assert_eq!(told.load(Ordering::SeqCst), 2, "the model and the keeper hear of it");
        assert_eq!(
            (model.wanted_by_others(), budget.lacking_bytes(), budget.free_bytes()),
            (20, 0, 0)
        );
        model.give_pages(20);
        assert_eq!((model.wanted_by_others(), budget.free_bytes()), (0, 0));
        facts.set(60);
        assert_eq!((budget.lacking_bytes(), model.most_for_pages()), (10, 0));
        facts.set(60);
        assert_eq!(told.load(Ordering::SeqCst), 4, "the same again is no news");
        drop(model);
        assert_eq!((budget.lacking_bytes(), budget.free_bytes()), (0, 40));
    }
}
