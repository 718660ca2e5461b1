//! Words that are spelled like one that nobody wrote.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Shortest word that is corrected, in characters.
const LEAST_CHARS: usize = 4;
/// Words that one may stand for.
const MOST_WORDS: usize = 4;

/// How many letters may be wrong in a word.
fn tolerance(chars: usize) -> usize {
    match chars {
        0..LEAST_CHARS => 0,
        LEAST_CHARS..=7 => 1,
        _ => 2,
    }
}

/// Known words that differ in as few letters as any does, the most frequent first, each with that
/// number. `known` gives words with how often they are used.
pub(super) fn alike<'a>(
    word: &str,
    known: impl Iterator<Item = (&'a str, u64)>,
) -> Vec<(&'a str, usize)> {
    let word: Vec<char> = word.chars().collect();
    let most = tolerance(word.len());
    let mut found: Vec<(usize, u64, &str)> = Vec::new();
    if most == 0 {
        return Vec::new();
    }
    for (other, used) in known {
        let chars: Vec<char> = other.chars().collect();
        if chars.len() < 3 || word.len().abs_diff(chars.len()) > most {
            continue;
        }
        if let Some(apart) = apart(&word, &chars, most) {
            found.push((apart, used, other));
        }
    }
    let least = found.iter().map(|(apart, ..)| *apart).min().unwrap_or_default();
    found.retain(|(apart, ..)| *apart == least);
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.2.cmp(b.2)));
    found.into_iter().take(MOST_WORDS).map(|(apart, _, word)| (word, apart)).collect()
}

/// Shortest part of a compound, in characters.
const LEAST_PART: usize = 4;
/// Letters between the parts of a compound, or at the end of its first part where it stands alone.
const MOST_BETWEEN: usize = 2;

/// The two known words of a compound that nobody wrote in one: `vollkornbrot`, `erdbeerjoghurt`,
/// `peanutbutter`. The first may end otherwise by itself (`erdbeere`) or be joined by an `s` or `n`.
pub(super) fn parts<'a>(word: &'a str, known: &BTreeMap<String, u64>) -> Option<[&'a str; 2]> {
    let cuts = word.char_indices().map(|(at, _)| at).skip(LEAST_PART);
    let parts = cuts
        .map(|at| word.split_at(at))
        .filter(|(_, last)| last.chars().count() >= LEAST_PART && known.contains_key(*last));
    // The longest last part is the least of a chance.
    parts.into_iter().find_map(|(first, last)| {
        let joined = [Some(first), first.strip_suffix('s'), first.strip_suffix('n')];
        let stem = joined.into_iter().flatten().find(|stem| begins_a_word(stem, known))?;
        Some([stem, last])
    })
}

fn begins_a_word(stem: &str, known: &BTreeMap<String, u64>) -> bool {
    let from = known.range::<str, _>((Bound::Included(stem), Bound::Unbounded));
    let mut from = from.map(|(word, _)| word).take_while(|word| word.starts_with(stem));
    stem.chars().count() >= LEAST_PART
        && from.any(|word| word.chars().count() <= stem.chars().count() + MOST_BETWEEN)
}

/// Letters to put in, take out, change or swap with a neighbour to come from one word to the other
/// (optimal string alignment), where those are no more than `most`.
fn apart(one: &[char], other: &[char], most: usize) -> Option<usize> {
    let width = other.len() + 1;
    let mut before_last: Vec<usize> = vec![usize::MAX; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut here = vec![row + 1; width];
        for (column, facing) in other.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let changed = at(&last, column) + usize::from(letter != facing);
            let mut least = changed.min(at(&last, column + 1) + 1).min(at(&here, column) + 1);
            let swapped = row > 0
                && column > 0
                && one.get(row - 1) == Some(facing)
                && other.get(column - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before_last, column - 1).saturating_add(1));
            }
            if let Some(cell) = here.get_mut(column + 1) {
                *cell = least;
            }
        }
        if here.iter().min().is_none_or(|least| *least > most) {
            return None;
        }
        before_last = std::mem::replace(&mut last, here);
    }
    last.last().copied().filter(|apart| *apart <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn letters_apart_are_counted() {
        for (one, other, wanted) in [
            ("milk", "milk", Some(0)),
            ("milk", "mlik", Some(1)),
            ("milk", "silk", Some(1)),
            ("yoghurt", "yogurt", Some(1)),
            ("chocolat", "chocolate", Some(1)),
            ("spagetti", "spaghetti", Some(1)),
            ("brocolli", "broccoli", Some(2)),
            ("milk", "bread", None),
            ("", "ab", Some(2)),
        ] {
            assert_eq!(apart(&chars(one), &chars(other), 2), wanted, "{one} {other}");
        }
    }

    #[test]
    fn a_compound_is_two_known_words() {
        let known =
            ["vollkorn", "brot", "erdbeere", "joghurt", "peanut", "butter", "rind", "fleisch"];
        let known = known.iter().map(|word| ((*word).to_owned(), 1)).collect();
        for (word, wanted) in [
            ("vollkornbrot", Some(["vollkorn", "brot"])),
            ("erdbeerjoghurt", Some(["erdbeer", "joghurt"])),
            ("peanutbutter", Some(["peanut", "butter"])),
            ("rindsfleisch", Some(["rind", "fleisch"])),
            ("vollkorn", None),
            ("brot", None),
            ("zitronenbrot", None),
        ] {
            assert_eq!(parts(word, &known), wanted, "{word}");
        }
    }

    #[test]
    fn the_nearest_words_come_most_frequent_first() {
        let known =
            [("bread", 9), ("break", 2), ("breads", 4), ("bead", 1), ("broad", 30), ("milk", 50)];
        let found = |word| alike(word, known.iter().map(|(word, used)| (*word, *used)));
        assert_eq!(found("braed"), [("bread", 1)]);
        assert_eq!(found("brea"), [("bread", 1), ("break", 1)]);
        assert_eq!(found("bre"), []);
        assert_eq!(found("cheese"), []);
    }
}
