//! What answers may not have: a model's own terms and the shop's, joined once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::skills::guard::Terms;

/// Models whose joined terms are kept.
const MAX_MODELS: usize = 16;

/// Terms that were joined, as long as the shop's stay as they are.
#[derive(Debug, Default)]
pub(super) struct Blocked(Mutex<Joined>);

#[derive(Debug, Default)]
struct Joined {
    shop: Vec<String>,
    /// By the digest of the model's own.
    of_models: BTreeMap<String, Arc<Terms>>,
}

impl Blocked {
    /// A model's terms with these of the shop.
    pub(super) fn join(&self, model: &Arc<Terms>, shop: &[String]) -> Arc<Terms> {
        if shop.is_empty() {
            return Arc::clone(model);
        }
        let mut joined = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if joined.shop != shop || joined.of_models.len() >= MAX_MODELS {
            *joined = Joined { shop: shop.to_vec(), of_models: BTreeMap::new() };
        }
        let of_models = joined.of_models.entry(model.digest().to_owned());
        Arc::clone(of_models.or_insert_with(|| Arc::new(model.and(shop))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_joined_anew_when_the_shop_changes_its_own() {
        let (blocked, shop) = (Blocked::default(), |term: &str| [term.to_owned()]);
        let models = ["one", "two"].map(|term| Arc::new(Terms::new([("any", term)])));
        assert!(Arc::ptr_eq(&blocked.join(&models[0], &[]), &models[0]));
        let first = blocked.join(&models[0], &shop("cheap"));
        assert!(first.are_in("one") && first.are_in("cheap") && !first.are_in("two"));
        assert!(Arc::ptr_eq(&first, &blocked.join(&models[0], &shop("cheap"))), "made once");
        assert!(blocked.join(&models[1], &shop("cheap")).are_in("two"));
        let second = blocked.join(&models[0], &shop("free"));
        assert!(second.are_in("free") && !second.are_in("cheap"));
    }
}
