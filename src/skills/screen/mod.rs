//! What of a shopper's words may be kept, logged, made a key or told to others.
//!
//! What has a pattern or is announced is always taken out. Names and places that nothing announces are
//! told by a model that tags words, where one is installed; what it takes for a name and is one of the
//! shop's goods stays. The answer is made of the words as they were said: a model that took a brand for a
//! person must not keep it from being found.

mod goods;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::clerk::Clerk;
use super::language::Language;
use super::view::View;
use crate::facts::UnixSeconds;
use crate::privacy::{self, Entity, Found};

/// A text waits this long for its words to be tagged; then patterns alone count.
const PATIENCE: Duration = Duration::from_secs(1);

/// A text as it may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened {
    text: String,
    named: bool,
}

impl Screened {
    /// What may be kept: names of entities stand for what was taken out.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether somebody or some place was found that no pattern tells. The words that are answered still
    /// have it, so an answer to them is kept for nobody.
    pub fn is_named(&self) -> bool {
        self.named
    }
}

impl Clerk {
    /// What of a text may be kept.
    pub async fn screen(&self, text: &str, deadline: Instant) -> Screened {
        let text = text.trim();
        let patterned = privacy::find(text);
        let by_pattern = patterned.len();
        let left = deadline.saturating_duration_since(Instant::now());
        let (tagged, how) = match self.tagger.tag(text, PATIENCE.min(left)).await {
            Ok(tagged) => (self.not_of_the_shop(text, tagged), "tagged"),
            Err(why) => (Vec::new(), why.name()),
        };
        let found = privacy::find_beside(text, patterned, &tagged);
        self.metrics.screened(how);
        found.iter().for_each(|found| self.metrics.found(found.entity.name()));
        let named = found.len() != by_pattern;
        Screened { text: privacy::redact_found(text, &found), named }
    }

    /// Those of a model's names and places that are none of the shop's goods.
    fn not_of_the_shop(&self, text: &str, mut tagged: Vec<Found>) -> Vec<Found> {
        tagged.retain(|found| matches!(found.entity, Entity::Person | Entity::Location));
        if tagged.is_empty() {
            return tagged;
        }
        let language = Language::of(text).unwrap_or(self.settings.now().language);
        let mut view = View::open(&self.facts, &self.search, language, UnixSeconds::now());
        goods::others(text, tagged, &mut view)
    }
}
