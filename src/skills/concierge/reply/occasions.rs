//! What people usually take for an occasion or a dish: known by heart, so that no model is asked.

use super::Said;
use crate::skills::ask::{self, Outcome, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::tools::Call;
use crate::skills::concierge::tools::run::run;
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Step, Verdict};
use crate::skills::concierge::wording::Suggestion;
use crate::skills::view::View;
use crate::skills::words::fold;

/// Folded words of all languages with commas between, and English words for what is taken.
const OCCASIONS: &str = include_str!("../tools/occasions.txt");
/// Products from which on it is a suggestion.
const LEAST: usize = 2;
/// Kinds of products that are looked for in the words of a wish.
const MAX_KINDS: usize = 3;

impl Concierge {
    /// Products for an occasion that everybody knows; none where the words name no such, or the shop
    /// has too little of it that the shopper may have.
    pub(super) async fn by_occasion(
        &self,
        read: &Read,
        diet: &Diet,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Option<Said> {
        let call = Call::SuggestProducts { find: usual(&read.text)? };
        trail.begin(Step::Search, "occasion").await;
        let draft = run(&call, &diet.and_asked(&read.words), view).unwrap_or_default();
        if draft.outcome != Outcome::Answered || draft.cited.len() < LEAST {
            trail.end(Step::Search, Verdict::Passed, "occasion");
            return None;
        }
        trail.used(&call, super::found_or_not(&draft)).await;
        trail.end(Step::Search, Verdict::Answered, "occasion");
        let suggestions = vec![Suggestion::Where, Suggestion::Allergens];
        Some(Said { suggestions, ..Said::of("ideas", draft) })
    }

    /// Products of the kinds that the words of a wish name, where nobody can say what else would do;
    /// none where they name none.
    pub(super) async fn by_kinds(
        &self,
        read: &Read,
        diet: &Diet,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Option<Said> {
        let mut kinds = read.names();
        kinds.retain(|name| ask::is_kind(name, view));
        kinds.truncate(MAX_KINDS);
        let call = match kinds.as_slice() {
            [] => return None,
            [only] => Call::SearchProducts { query: only.clone() },
            _ => Call::SuggestProducts { find: kinds },
        };
        trail.begin(Step::Search, "kinds").await;
        let draft = run(&call, &diet.and_asked(&read.words), view).unwrap_or_default();
        trail.used(&call, super::found_or_not(&draft)).await;
        if draft.outcome != Outcome::Answered {
            trail.end(Step::Search, Verdict::Passed, "kinds");
            return None;
        }
        trail.end(Step::Search, Verdict::Answered, "kinds");
        let suggestions = vec![Suggestion::Where, Suggestion::Person];
        Some(Said { suggestions, ..Said::of("ideas", draft) })
    }
}

/// What is taken for what a text names; of several the longest name counts.
fn usual(text: &str) -> Option<Vec<String>> {
    let text = format!(" {} ", fold(text));
    let known = OCCASIONS.lines().filter_map(|line| line.split_once('>'));
    let named = known.flat_map(|(names, with)| names.split(',').map(move |name| (name, with)));
    let fits = |(name, _): &(&str, &str)| text.contains(&format!(" {} ", name.trim()));
    let (_, with) = named.filter(fits).max_by_key(|(name, _)| name.trim().len())?;
    Some(with.split(',').map(|one| one.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occasion_is_known_in_every_language() {
        for (text, first) in [
            ("What do I need for tacos?", Some("taco shells")),
            ("Was nehme ich zum Kindergeburtstag?", Some("cake mix")),
            ("¿Qué llevo para el desayuno?", Some("bread")),
            ("une idée pour l'apéritif", Some("crackers")),
            ("a birthday cake for my son", Some("cake mix")),
            ("something for my neighbour", None),
        ] {
            let found = usual(text).and_then(|found| found.into_iter().next());
            assert_eq!(found.as_deref(), first, "{text}");
        }
    }
}
