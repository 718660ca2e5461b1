//! Dates of birth: a date is one where words before it say so.

use std::ops::Range;

use super::said::Said;

/// What a date of birth follows.
const BORN: [&str; 24] = [
    "born on",
    "born",
    "date of birth",
    "birth date",
    "birthdate",
    "dob",
    "my birthday",
    "birthday",
    "geboren am",
    "geboren",
    "geburtsdatum",
    "geburtstag",
    "geb",
    "né le",
    "née le",
    "ne le",
    "nee le",
    "date de naissance",
    "anniversaire",
    "nací el",
    "naci el",
    "nacido el",
    "nacida el",
    "fecha de nacimiento",
];
/// Words between the phrase and the date at most, as in "is on the".
const MAX_BETWEEN: usize = 3;
/// Words of a date at most, as in "12 de mayo de 1990".
const MAX_WORDS: usize = 5;

/// Beginnings of the names of months in the four languages, without a doubt.
const MONTHS: [&str; 33] = [
    "jan", "feb", "mar", "mär", "apr", "abr", "avr", "may", "mai", "jun", "juin", "jul", "juil",
    "aug", "ago", "aoû", "aou", "sep", "oct", "okt", "nov", "dec", "dez", "dic", "déc", "ene",
    "fév", "fev", "mayo", "enero", "maer", "set", "gen",
];

/// Dates of birth, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let said = Said::of(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < said.words.len() {
        match said.phrase_at(at, &BORN).and_then(|count| date(&said, at + count)) {
            Some((range, behind)) => {
                found.push(range);
                at = behind;
            }
            None => at += 1,
        }
    }
    found
}

/// The date that begins at a word or soon after it, and the word behind it.
fn date(said: &Said<'_>, from: usize) -> Option<(Range<usize>, usize)> {
    let plain = |gap: &str| gap.len() <= 4 && !gap.contains(['<', '>', '\n', '?', '!']);
    for start in from..=from + MAX_BETWEEN {
        if !plain(said.gap(start.checked_sub(1)?)) {
            return None;
        }
        let parts =
            (start..start + MAX_WORDS).take_while(|&at| at == start || plain(said.gap(at - 1)));
        let (mut numbers, mut months, mut end) = (0, 0, None);
        for at in parts {
            let Some(word) = said.word(at) else { break };
            let number = word.lower.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h', 'e']);
            if is_number(number) && numbers < 3 {
                numbers += 1;
            } else if is_month(&word.lower) && months == 0 {
                months += 1;
            } else if !["de", "of", "del", "the"].contains(&word.lower.as_ref()) {
                break;
            } else {
                continue;
            }
            if numbers + months == 3 && months < 2 && said.is_apart(start) {
                end = Some((said.word(start)?.range.start..word.range.end, at + 1));
                break;
            }
            if at == start && numbers + months == 0 {
                break;
            }
        }
        let begins = said.word(start).is_some_and(|word| {
            word.lower.starts_with(|c: char| c.is_ascii_digit()) || is_month(&word.lower)
        });
        if begins {
            return end;
        }
    }
    None
}

fn is_number(word: &str) -> bool {
    (1..=4).contains(&word.len()) && word.len() != 3 && word.bytes().all(|b| b.is_ascii_digit())
}

fn is_month(word: &str) -> bool {
    word.chars().all(char::is_alphabetic) && MONTHS.iter().any(|month| word.starts_with(month))
}
