//! What a shop decides about its skills, as it is at this moment.

use std::sync::{Arc, PoisonError, RwLock};

use super::clerk::Settings;
use super::language::Language;

/// The settings in force. They may change while the server runs, so whoever makes an answer looks
/// once ([`Live::now`]) and keeps to what was seen. A clone is the same.
#[derive(Debug, Clone)]
pub struct Live(Arc<RwLock<Arc<Settings>>>);

impl From<Settings> for Live {
    fn from(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }
}

impl Live {
    /// What is in force.
    #[must_use]
    pub fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the language of questions that do not tell theirs, and the terms that no generated text
    /// may have. Answers that are being made keep to what they began with.
    pub fn set(&self, language: Language, blocked_terms: Vec<String>) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(Settings { language, blocked_terms, model: now.model.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_looked_keeps_to_what_was_seen() {
        let terms = |term: &str| vec![term.to_owned()];
        let shop = Settings {
            model: Some("tiny".to_owned()),
            language: Language::German,
            blocked_terms: terms("cheapest"),
        };
        let live = Live::from(shop.clone());
        let seen = live.now();
        live.clone().set(Language::French, terms("best"));
        let expected =
            Settings { language: Language::French, blocked_terms: terms("best"), ..shop };
        assert_eq!(*live.now(), expected);
        assert_eq!(seen.blocked_terms, terms("cheapest"));
    }
}
