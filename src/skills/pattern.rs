//! Phrases as patterns over words.
//!
//! A pattern is words with spaces between. `cost*` is any word that begins so, `*cost*` any that
//! has it, `@` a word that names an allergen, `_` up to [`MAX_GAP`] words, `...` up to [`MAX_NAME`], `?` exactly one, `^` and
//! `$` the text's ends; `/` stands between what may be in one place.

use crate::skills::allergens;

/// Words that `_` may stand for.
const MAX_GAP: usize = 6;
/// Words that a product's name may have.
const MAX_NAME: usize = 16;

/// Places of the words that a pattern names, where it matches first; `None` where it does not.
pub(super) fn find(pattern: &str, words: &[&str]) -> Option<Vec<usize>> {
    let parts: Vec<&str> = pattern.split_ascii_whitespace().collect();
    (0..=words.len()).find_map(|at| {
        let mut named = Vec::new();
        follows(&parts, words, at, &mut named).then_some(named)
    })
}

/// Whether the rest of a pattern matches from a place on.
fn follows(parts: &[&str], words: &[&str], at: usize, named: &mut Vec<usize>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    match *part {
        "^" => at == 0 && follows(rest, words, at, named),
        part if at == words.len() && part.split('/').any(|part| part == "$") => {
            follows(rest, words, at, named)
        }
        gap @ ("_" | "...") => {
            let kept = named.len();
            let most = if gap == "_" { MAX_GAP } else { MAX_NAME };
            (0..=most).any(|gap| {
                named.truncate(kept);
                at + gap <= words.len() && follows(rest, words, at + gap, named)
            })
        }
        part => {
            let Some(word) = words.get(at) else { return false };
            if !part.split('/').any(|part| is(part, word)) {
                return false;
            }
            if part != "?" {
                named.push(at);
            }
            follows(rest, words, at + 1, named)
        }
    }
}

fn is(part: &str, word: &str) -> bool {
    match part {
        "?" => true,
        "@" => allergens::named(word).is_some(),
        part => match (part.strip_prefix('*'), part.strip_suffix('*')) {
            (Some(_), Some(_)) => word.contains(part.trim_matches('*')),
            (_, Some(beginning)) => word.starts_with(beginning),
            _ => word == part,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_where_its_words_stand_in_order() {
        for (pattern, text, places) in [
            ("how much", "tell me how much it is", Some(vec![2, 3])),
            ("how much _ cost*", "how much does the milk cost", Some(vec![0, 1, 5])),
            ("when _ open*", "when are you opening", Some(vec![0, 3])),
            ("when _ open*", "open when", None),
            ("contain* _ @", "does it contain any peanuts", Some(vec![2, 4])),
            ("contain* _ @", "does it contain bread", None),
            ("*allerg*", "fur nussallergiker", Some(vec![1])),
            ("*allerg*", "fur nusse", None),
            ("^ where", "where is it", Some(vec![0])),
            ("^ where", "so where is it", None),
            ("^ is _ vegan $", "is the bread vegan", Some(vec![0, 3])),
            ("^ is _ vegan $", "is the vegan bread fresh", None),
            ("? tiene @", "tiene leche", None),
            ("? tiene @", "pan tiene leche", Some(vec![1, 2])),
            ("a _ b", "a 1 2 3 4 5 6 7 b", None),
            ("a ... b", "a 1 2 3 4 5 6 7 b", Some(vec![0, 8])),
            ("", "", Some(vec![])),
            ("speak/talk to _ human/person", "may i talk to a real person", Some(vec![2, 3, 6])),
            ("speak/talk to _ human/person", "may i listen to a person", None),
            ("manager please/$", "the manager", Some(vec![1])),
            ("manager please/$", "the manager please", Some(vec![1, 2])),
            ("manager please/$", "the manager of this", None),
        ] {
            let words: Vec<&str> = text.split(' ').filter(|w| !w.is_empty()).collect();
            assert_eq!(find(pattern, &words), places, "{pattern} in {text}");
        }
    }
}
