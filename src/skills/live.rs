//! What a shop decides about its skills, as it is at this moment.

use std::sync::{Arc, PoisonError, RwLock};

use super::clerk::Settings;
use super::language::Language;

/// The settings in force. They may change while the server runs, so whoever makes an answer looks
/// once ([`Live::now`]) and keeps to what was seen. A clone is the same.
#[derive(Debug, Clone)]
pub struct Live(Arc<RwLock<Parts>>);

/// What the settings in force are made of.
#[derive(Debug)]
struct Parts {
    /// The shop's own.
    shop: Settings,
    /// Terms that come with the bundle that answers.
    guard: Vec<String>,
    /// Both together.
    now: Arc<Settings>,
}

impl From<Settings> for Live {
    fn from(shop: Settings) -> Self {
        let now = Arc::new(joined(&shop, &[]));
        Self(Arc::new(RwLock::new(Parts { shop, guard: Vec::new(), now })))
    }
}

impl Live {
    /// What is in force.
    #[must_use]
    pub fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).now)
    }

    /// Sets what the shop decides: the language of questions that do not tell theirs, and the terms
    /// that no generated text may have. Answers that are being made keep to what they began with.
    pub fn set_shop(&self, language: Language, blocked_terms: Vec<String>) {
        self.change(|parts| {
            parts.shop = Settings { language, blocked_terms, ..parts.shop.clone() };
        });
    }

    /// Sets the terms that come with the bundle that answers. They are blocked besides the shop's.
    pub fn set_guard(&self, blocked_terms: Vec<String>) {
        self.change(|parts| parts.guard = blocked_terms);
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        parts.now = Arc::new(joined(&parts.shop, &parts.guard));
    }
}

/// The shop's terms first, then those of the guard that are new. The order stays, as keys of kept
/// answers have it.
fn joined(shop: &Settings, guard: &[String]) -> Settings {
    let mut settings = shop.clone();
    for term in guard {
        if !settings.blocked_terms.contains(term) {
            settings.blocked_terms.push(term.clone());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(terms: &[&str]) -> Vec<String> {
        terms.iter().map(|term| (*term).to_owned()).collect()
    }

    #[test]
    fn terms_of_shop_and_bundle_are_blocked_together_and_change_apart() {
        let shop = Settings {
            model: Some("tiny".to_owned()),
            language: Language::German,
            blocked_terms: terms(&["cheapest"]),
        };
        let live = Live::from(shop.clone());
        assert_eq!(*live.now(), shop);
        let seen = live.now();
        live.set_guard(terms(&["guaranteed", "cheapest"]));
        assert_eq!(live.now().blocked_terms, terms(&["cheapest", "guaranteed"]));
        live.set_shop(Language::French, terms(&["best"]));
        let now = live.clone().now();
        assert_eq!(now.blocked_terms, terms(&["best", "guaranteed", "cheapest"]));
        assert_eq!((now.language, now.model.as_deref()), (Language::French, Some("tiny")));
        live.set_guard(Vec::new());
        assert_eq!(live.now().blocked_terms, terms(&["best"]));
        assert_eq!(*seen, shop, "who has looked keeps to what was seen");
    }
}
