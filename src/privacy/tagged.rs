//! What a model tagged, joined with what has a pattern.
//!
//! A model sees a name's beginning and misses its end, and takes a size for the number of a house. So
//! a part is grown over the names that follow it, and what has no name in it is left.

use std::ops::Range;

use super::said::{Said, is_joint};
use super::{Entity, Found, find};

/// Names that are added to a part at most, on each side.
const MAX_GROWN: usize = 3;

/// Places within a shop, and other words that a number follows there; a model takes "aisle 7" for a street.
const IN_SHOPS: &str = "aisle aisles bay bays shelf shelves till tills counter floor size sizes number no \
    gang regal fach kasse theke etage stock größe nummer nr pasillo estante caja mostrador planta talla número \
    rayon allée étagère caisse comptoir étage taille numéro ean sku";

/// All personal data of a text: what has a pattern or is announced, and what a model tagged beside it.
/// Only people and places are taken from a model; a part that is not of the text is left.
pub fn find_with(text: &str, tagged: &[Found]) -> Vec<Found> {
    find_beside(text, find(text), tagged)
}

/// The same, where what [`find`] finds of the text is known.
pub fn find_beside(text: &str, mut found: Vec<Found>, tagged: &[Found]) -> Vec<Found> {
    let said = Said::of(text);
    for tagged in tagged {
        let grown = match tagged.entity {
            Entity::Person => grown(&said, &tagged.range, is_name),
            Entity::Location if is_place(text, &tagged.range) => {
                grown(&said, &tagged.range, |word| is_name(word) || is_number(word))
            }
            _ => None,
        };
        if let Some(range) = grown {
            add(&mut found, text, Found { entity: tagged.entity, range });
        }
    }
    found
}

/// The words of a part and the names beside it; none where no word of it is a name's.
fn grown(said: &Said<'_>, part: &Range<usize>, goes_on: fn(&str) -> bool) -> Option<Range<usize>> {
    let touches = |at: &usize| {
        said.word(*at)
            .is_some_and(|word| word.range.start < part.end && part.start < word.range.end)
    };
    let mut first = (0..said.words.len()).find(touches)?;
    let mut last = (first..said.words.len()).take_while(touches).last()?;
    let written = |at: usize| said.word(at).and_then(|word| said.text.get(word.range.clone()));
    // A number alone is a size or a count.
    (first..=last).filter_map(written).find(|word| word.chars().any(char::is_alphabetic))?;
    // Who writes all in small letters, or in capitals, tells no names by them.
    let names = (first..=last).filter_map(written).any(is_name);
    for _ in 0..MAX_GROWN {
        if !names || !is_joint(said.gap(last)) || !written(last + 1).is_some_and(goes_on) {
            break;
        }
        last += 1;
    }
    for _ in 0..MAX_GROWN {
        let Some(before) = first.checked_sub(1) else { break };
        // The first word of a sentence has a capital, too.
        if !names
            || before == 0
            || !is_joint(said.gap(before))
            || !written(before).is_some_and(is_name)
        {
            break;
        }
        first = before;
    }
    Some(said.word(first)?.range.start..said.word(last)?.range.end)
}

/// Whether a part has a name in it that is none of a place in a shop. Places in small letters are found
/// where words announce them.
fn is_place(text: &str, part: &Range<usize>) -> bool {
    let words = text.get(part.clone()).unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.starts_with(char::is_uppercase)).any(|word| {
        let lower = word.to_lowercase();
        !IN_SHOPS.split_ascii_whitespace().any(|known| known == lower)
    })
}

/// Whether a word is written as a name: a capital, then small letters.
fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.any(char::is_lowercase)
}

fn is_number(word: &str) -> bool {
    word.len() <= 5 && word.starts_with(|c: char| c.is_ascii_digit())
}

/// Adds what of a part nothing else has, keeping the order.
fn add(found: &mut Vec<Found>, text: &str, part: Found) {
    let mut from = part.range.start;
    let mut free = Vec::new();
    for other in found.iter().filter(|other| other.range.end > part.range.start) {
        if other.range.start >= part.range.end {
            break;
        }
        free.push(from..other.range.start);
        from = from.max(other.range.end);
    }
    free.push(from..part.range.end);
    for range in free {
        let Some(written) = text.get(range.clone()) else { continue };
        let (ahead, behind) =
            (written.trim_start_matches(is_edge), written.trim_end_matches(is_edge));
        let range = range.end - ahead.len()..range.start + behind.len();
        if range.start < range.end {
            let at = found.partition_point(|other| other.range.start < range.start);
            found.insert(at, Found { entity: part.entity, range });
        }
    }
}

fn is_edge(c: char) -> bool {
    !c.is_alphanumeric()
}
