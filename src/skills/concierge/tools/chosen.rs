//! Which tool a message asks for, told from its words.

use super::Call;
use crate::skills::ask::{self, Read};
use crate::skills::concierge::memory::Memory;
use crate::skills::concierge::phrases::{self, Cue};
use crate::skills::view::View;

/// Characters of an order's number.
const ORDER_CHARS: std::ops::RangeInclusive<usize> = 3..=24;
/// Characters of what is wanted of an order that go to the retailer's system.
const MAX_NOTE_CHARS: usize = 200;

/// The tool; none where no rule knows one. An order without a number has an empty one.
pub(in crate::skills::concierge) fn chosen(
    read: &Read,
    memory: &Memory,
    view: &mut View<'_>,
) -> Option<Call> {
    let phrases = phrases::of(read.language);
    let cue = phrases.cue(&read.words)?;
    let order = || number(&read.text).unwrap_or_default();
    let note = || read.text.chars().take(MAX_NOTE_CHARS).collect();
    match cue {
        Cue::Order => Some(Call::OrderStatus { order: order() }),
        Cue::ChangeOrder => Some(Call::ChangeOrder { order: order(), change: note() }),
        Cue::Return => Some(Call::StartReturn { order: order(), reason: note() }),
        Cue::Person => Some(Call::CallAssociate { reason: "wants_person".to_owned() }),
        Cue::Cheaper | Cue::Other => {
            let sku = meant(cue, read, memory, view)?;
            Some(Call::Alternatives { sku, cheaper: cue == Cue::Cheaper })
        }
        Cue::Goes => Some(Call::Complements { sku: meant(cue, read, memory, view)? }),
        _ => None,
    }
}

/// The product that is named beside the words of a cue, or that was shown first.
fn meant(cue: Cue, read: &Read, memory: &Memory, view: &mut View<'_>) -> Option<String> {
    let phrases = phrases::of(read.language);
    let places = phrases.places(cue, &read.words);
    let of_cue = |name: &String| {
        places.iter().filter_map(|at| read.words.get(*at)).any(|word| word.folded == *name)
    };
    let mut names = read.names();
    names.retain(|name| !of_cue(name) && !phrases.is_idle(name));
    if !names.is_empty() {
        // What is named and not found is not what was shown.
        return ask::named(&names, view).into_iter().next();
    }
    memory.shown.first().cloned()
}

/// An order's number: the first word with enough characters, a digit among them, and nothing but
/// letters, digits and dashes.
pub(in crate::skills::concierge) fn number(text: &str) -> Option<String> {
    let parts = text.split(|c: char| c.is_whitespace() || "?!,;:()\"".contains(c));
    let parts = parts.map(|part| part.trim_matches(['#', '.', '-', '\'']));
    let fits = |part: &&str| {
        ORDER_CHARS.contains(&part.len())
            && part.bytes().any(|byte| byte.is_ascii_digit())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    parts.into_iter().find(fits).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orders_number_is_a_word_with_digits() {
        for (text, expected) in [
            ("where is my order 1042?", Some("1042")),
            ("order #A-1042-X.", Some("A-1042-X")),
            ("my order", None),
            ("order 12", None),
            ("order <PHONE_NUMBER>", None),
            ("order 10/42", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
    }
}
