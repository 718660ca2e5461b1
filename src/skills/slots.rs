//! Holes in a text: written once, filled from facts whenever the text is said.
//!
//! A slot is `{kind:id}`, such as `{price:0041}`. What it stands for is read from the facts when a
//! text is bound, so a text lives on when a price changes. A text that has a slot for something
//! that is no longer there cannot be bound, and is made anew.

/// A piece of a text with slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What is said as it stands.
    Text(&'a str),
    /// A slot, with its braces, its kind and id.
    Slot {
        /// As written.
        written: &'a str,
        /// Of what kind.
        kind: &'a str,
        /// Of which fact.
        id: &'a str,
    },
}

/// The pieces of a text, in order. Braces that are no slot are text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, slot, after)) = first_slot(rest) {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(slot);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn first_slot(text: &str) -> Option<(&str, Piece<'_>, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let inner = text.get(at + 1..)?;
        let (inner, after) = inner.split_once('}')?;
        let (kind, id) = inner.split_once(':')?;
        let kinds = |c: char| c.is_ascii_lowercase() || c == '_';
        let ids = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
        let sound = !kind.is_empty() && kind.chars().all(kinds);
        let sound = sound && !id.is_empty() && id.chars().all(ids);
        let written = text.get(at..at + inner.len() + 2)?;
        sound.then_some((text.get(..at)?, Piece::Slot { written, kind, id }, after))
    })
}

/// A text of facts or of people with nothing in it that could be a slot, or that begins a line.
pub(super) fn inert(text: &str) -> String {
    let plain = |c: char| match c {
        '{' => '(',
        '}' => ')',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// A text without its slots, and whether there was one that is not `known`, or a stray brace.
pub(super) fn without(text: &str, known: impl Fn(&str) -> bool) -> (String, bool) {
    let (mut plain, mut unknown) = (String::with_capacity(text.len()), false);
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => {
                unknown |= text.contains(['{', '}']);
                plain.push_str(text);
            }
            Piece::Slot { written, .. } => unknown |= !known(written),
        }
    }
    (plain, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_from_text() {
        let text = "Only {price:A-1}, was {was:A-1}! {x} {Price:1} {price:} {a:b c}";
        let slots: Vec<_> = pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Slot { written, kind, id } => Some((written, kind, id)),
                Piece::Text(_) => None,
            })
            .collect();
        assert_eq!(slots, [("{price:A-1}", "price", "A-1"), ("{was:A-1}", "was", "A-1")]);
        let again: String = pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) | Piece::Slot { written: text, .. } => text,
            })
            .collect();
        assert_eq!(again, text);
    }

    #[test]
    fn what_others_wrote_holds_no_slot() {
        let inert = inert("Milk {price:1}\nand {was:2}");
        assert!(pieces(&inert).iter().all(|piece| matches!(piece, Piece::Text(_))), "{inert}");
        assert_eq!(without(&inert, |_| false), ("Milk (price:1) and (was:2)".to_owned(), false));
    }

    #[test]
    fn a_slot_that_is_not_known_is_noticed() {
        let known = |slot: &str| slot == "{price:1}";
        assert_eq!(without("It is {price:1}.", known), ("It is .".into(), false));
        assert_eq!(without("It is {price:2}.", known), ("It is .".into(), true));
        assert_eq!(without("It is {.", known), ("It is {.".into(), true));
        assert_eq!(without("é{price:1}é", known), ("éé".into(), false));
    }
}
