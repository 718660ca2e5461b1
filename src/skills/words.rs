//! Texts as words that can be compared: small letters, no accents, digits apart from letters.

use std::ops::Range;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// In small letters and without accents; digits with a point where the text has decimals.
    pub folded: String,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
}

impl Word {
    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        self.folded.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// The words of a text, in order. `500ml` is two.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    each_word(text, |folded, range| found.push(Word { folded: folded.to_owned(), range }));
    found
}

/// Shows each word of a text, folded, and where it stands.
pub(super) fn each_word(text: &str, mut show: impl FnMut(&str, Range<usize>)) {
    let mut folded = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, first)) = rest.next() {
        if !first.is_alphanumeric() {
            continue;
        }
        let number = first.is_ascii_digit();
        folded.clear();
        fold_into(first, &mut folded);
        let mut end = start + first.len_utf8();
        while let Some(&(at, c)) = rest.peek() {
            let behind = || text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
            let decimal = number && matches!(c, '.' | ',');
            if decimal && behind().is_some_and(|c| c.is_ascii_digit()) {
                folded.push('.');
            } else if c.is_alphanumeric() && c.is_ascii_digit() == number || is_mark(c) {
                fold_into(c, &mut folded);
            } else {
                break;
            }
            end = at + c.len_utf8();
            rest.next();
        }
        show(&folded, start..end);
    }
}

/// A text as it is compared: its words with one space between.
pub(super) fn fold(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    words.join(" ")
}

/// A mark that combines with the letter before it.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn fold_into(c: char, folded: &mut String) {
    if c.is_ascii() {
        return folded.push(c.to_ascii_lowercase());
    }
    for c in c.to_lowercase() {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'č' => folded.push('c'),
            'è'..='ë' | 'ē' | 'ę' | 'ě' => folded.push('e'),
            'ì'..='ï' | 'ī' | 'ı' => folded.push('i'),
            'ñ' | 'ń' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => folded.push('o'),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'š' | 'ś' | 'ş' => folded.push('s'),
            'ž' | 'ź' | 'ż' => folded.push('z'),
            'ł' => folded.push('l'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            c if is_mark(c) => {}
            c => folded.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_accents_and_signs() {
        for (text, folded) in [
            ("How much is the MILK?", "how much is the milk"),
            ("Öffnungszeiten, Straße!", "offnungszeiten strasse"),
            ("l'huile d’olive crème brûlée", "l huile d olive creme brulee"),
            ("500ml 1,5 l 1.5L", "500 ml 1.5 l 1.5 l"),
            ("E330 1029743.", "e 330 1029743"),
            ("Cafe\u{301}", "cafe"),
            ("¿Cuánto cuesta?", "cuanto cuesta"),
            ("", ""),
            ("… 3, 4", "3 4"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn a_word_knows_where_it_stands() {
        let text = "Zwei Äpfel, 500ml";
        let stand: Vec<_> = words(text).into_iter().map(|w| &text[w.range]).collect();
        assert_eq!(stand, ["Zwei", "Äpfel", "500", "ml"]);
    }
}
