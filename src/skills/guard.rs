//! Terms that no generated text may have, found while a text comes.
//!
//! Terms are compared as whole words, without case and accents, as [`super::checks`] does. A stream
//! holds back what may be the beginning of a term, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::words::{Word, words};

/// The language of terms that count in all.
pub const ANY_LANGUAGE: &str = "any";

/// Terms by the language in which they count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    written: BTreeMap<String, Vec<String>>,
    folded: Vec<Vec<String>>,
    /// Words of the longest.
    longest: usize,
    digest: String,
}

impl Terms {
    /// Of terms as people wrote them, each with its language's code or [`ANY_LANGUAGE`].
    pub fn new<'a>(terms: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut made = Self::default();
        for (language, term) in terms {
            let folded: Vec<String> = words(term).into_iter().map(|word| word.folded).collect();
            if folded.is_empty() {
                continue;
            }
            made.longest = made.longest.max(folded.len());
            made.folded.push(folded);
            made.written.entry(language.to_owned()).or_default().push(term.to_owned());
        }
        made.folded.sort_unstable();
        made.folded.dedup();
        made.digest = digest(&made.folded);
        made
    }

    /// These, and others that count in every language.
    #[must_use]
    pub fn and(&self, others: &[String]) -> Self {
        let own = self.written.iter();
        let own = own.flat_map(|(code, terms)| terms.iter().map(move |term| (&**code, &**term)));
        Self::new(own.chain(others.iter().map(|term| (ANY_LANGUAGE, &**term))))
    }

    /// Whether nothing is blocked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    /// What is blocked in a text of this language, as it was written.
    pub fn of_language(&self, code: &str) -> impl Iterator<Item = &str> {
        let counts = move |key: &str| key == ANY_LANGUAGE || key.split('-').next() == Some(code);
        let lists = self.written.iter().filter(move |(key, _)| counts(key));
        lists.flat_map(|(_, terms)| terms.iter().map(String::as_str))
    }

    /// The same for the same terms, hexadecimal; empty where nothing is blocked.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn begins_at(&self, words: &[Word], open: bool) -> Option<Found> {
        let mut held = None;
        for at in 0..words.len() {
            let Some(rest) = words.get(at..) else { break };
            match self.folded.iter().filter_map(|term| compare(term, rest, open)).max() {
                Some(Like::Whole) => return Some(Found::Term(at)),
                Some(Like::Beginning) => held = held.or(Some(Found::Perhaps(at))),
                None => {}
            }
        }
        held
    }
}

fn digest(folded: &[Vec<String>]) -> String {
    if folded.is_empty() {
        return String::new();
    }
    let mut digest = Sha256::new();
    for word in folded.iter().flat_map(|term| term.iter().map(|word| &**word).chain([""])) {
        digest.update((word.len() as u64).to_le_bytes());
        digest.update(word);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

enum Found {
    /// A term begins with this word.
    Term(usize),
    /// This word may be the first of one.
    Perhaps(usize),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Like {
    Beginning,
    Whole,
}

/// How words begin with a term. The last word of all may go on where it is open.
fn compare(term: &[String], words: &[Word], open: bool) -> Option<Like> {
    for (at, wanted) in term.iter().enumerate() {
        let Some(word) = words.get(at) else { return Some(Like::Beginning) };
        if open && at + 1 == words.len() {
            return wanted.starts_with(&word.folded).then_some(Like::Beginning);
        }
        if word.folded != *wanted {
            return None;
        }
    }
    Some(Like::Whole)
}

/// What may be said of a text so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// So many of its bytes.
    UpTo(usize),
    /// So many of its bytes, and no more: a term begins there.
    Blocked(usize),
}

/// Listens to one text as it comes.
#[derive(Debug)]
pub struct Listener {
    terms: Arc<Terms>,
    /// The end of the text: as many words as a term can have, and what is before the first.
    tail: String,
    /// Bytes of the text before the tail.
    before: usize,
}

impl Terms {
    /// For a text that has not begun.
    #[must_use]
    pub fn listen(self: &Arc<Self>) -> Listener {
        Listener { terms: Arc::clone(self), tail: String::new(), before: 0 }
    }

    /// Whether a whole text has one of the terms.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        matches!(self.begins_at(&words(text), false), Some(Found::Term(_)))
    }
}

impl Listener {
    /// The text goes on.
    pub fn hear(&mut self, more: &str) -> Heard {
        self.tail.push_str(more);
        let words = words(&self.tail);
        let open = words.last().is_some_and(|word| is_open(&self.tail, word));
        let heard = self.judge(&words, open);
        self.forget(&words);
        heard
    }

    /// The text is over: what only began like a term is none.
    #[must_use]
    pub fn end(&self) -> Heard {
        match self.judge(&words(&self.tail), false) {
            Heard::UpTo(_) => Heard::UpTo(self.before + self.tail.len()),
            blocked => blocked,
        }
    }

    fn judge(&self, words: &[Word], open: bool) -> Heard {
        let start = |at: usize| words.get(at).map_or(0, |word| self.before + word.range.start);
        match self.terms.begins_at(words, open) {
            Some(Found::Term(at)) => Heard::Blocked(start(at)),
            Some(Found::Perhaps(at)) => Heard::UpTo(start(at)),
            None => Heard::UpTo(self.before + self.tail.len()),
        }
    }

    /// Words that can no longer be part of a term are forgotten; the last one may go on.
    fn forget(&mut self, words: &[Word]) {
        let kept = self.terms.longest.max(1);
        let Some(first) = words.len().checked_sub(kept).and_then(|at| words.get(at)) else {
            return;
        };
        self.before += first.range.start;
        self.tail.drain(..first.range.start);
    }
}

/// Whether what comes next may belong to the last word: nothing stands behind it, or a sign with which
/// a number goes on.
fn is_open(text: &str, last: &Word) -> bool {
    matches!(text.get(last.range.end..), Some("" | "." | ","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Arc<Terms> {
        Arc::new(Terms::new([
            ("any", "Acme Mart"),
            ("en", "free of charge"),
            ("de", "Gewinnspiel"),
            ("en", "cheap"),
            ("any", "1.5"),
            ("any", " - "),
        ]))
    }

    /// What is said of a text that comes in these pieces, and whether it was ended.
    fn said(pieces: &[&str]) -> (String, bool) {
        let (terms, text) = (terms(), pieces.concat());
        let mut listener = terms.listen();
        let mut free = 0;
        for piece in pieces {
            match listener.hear(piece) {
                Heard::UpTo(bytes) => {
                    assert!(bytes >= free, "what was said is not taken back: {pieces:?}");
                    free = bytes;
                }
                Heard::Blocked(bytes) => return (text[..bytes].to_owned(), true),
            }
        }
        match listener.end() {
            Heard::UpTo(bytes) => (text[..bytes].to_owned(), false),
            Heard::Blocked(bytes) => (text[..bytes].to_owned(), true),
        }
    }

    #[test]
    fn a_text_ends_before_a_blocked_term_however_it_comes() {
        for (text, before) in [
            ("Come to ACME-Mart today", Some("Come to ")),
            ("It is chéap.", Some("It is ")),
            ("Ours is free of charge", Some("Ours is ")),
            ("Ours is free of sugar. Cheaper", None),
            ("Ours is free", None),
            ("Ours is free of", None),
            ("1", None),
            ("Das Gewinnspiel", Some("Das ")),
            ("acme, then mart", None),
            ("a cheapskate", None),
            ("1.5 l", Some("")),
            ("1.55 l", None),
            ("11.5 l", None),
            ("free free of charge", Some("free ")),
            ("catacme mart", None),
            ("", None),
        ] {
            let expected = (before.unwrap_or(text).to_owned(), before.is_some());
            assert_eq!(terms().are_in(text), expected.1, "{text}");
            assert_eq!(said(&[text]), expected, "{text} in one piece");
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(said(&letters), expected, "{text} by letters");
            let cuts = (1..text.len()).filter(|cut| text.is_char_boundary(*cut));
            for cut in cuts {
                assert_eq!(said(&[&text[..cut], &text[cut..]]), expected, "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn only_what_may_become_a_term_is_held_back() {
        let terms = terms();
        let mut listener = terms.listen();
        assert_eq!(listener.hear("We are fr"), Heard::UpTo("We are ".len()));
        assert_eq!(listener.hear("esh"), Heard::UpTo("We are fresh".len()));
        assert_eq!(listener.hear(" and free"), Heard::UpTo("We are fresh and ".len()));
        assert_eq!(listener.hear(" of"), Heard::UpTo("We are fresh and ".len()));
        assert_eq!(listener.hear(" nuts "), Heard::UpTo("We are fresh and free of nuts ".len()));
    }

    #[test]
    fn a_long_text_takes_no_more_memory_than_a_term() {
        let terms = terms();
        let mut listener = terms.listen();
        for _ in 0..10_000 {
            let _ = listener.hear(" milk");
        }
        assert!(listener.tail.len() < 40, "{}", listener.tail.len());
    }

    #[test]
    fn terms_count_in_their_language_and_their_digest_tells_them_apart() {
        let all = terms();
        let of = |code| all.of_language(code).collect::<Vec<_>>();
        assert_eq!(of("de"), ["Acme Mart", "1.5", "Gewinnspiel"]);
        assert_eq!(of("fr"), ["Acme Mart", "1.5"]);
        let more = all.and(&["Rabatt".to_owned()]);
        assert!(more.are_in("ein Rabatt") && more.are_in("cheap") && !all.are_in("ein Rabatt"));
        assert_ne!(more.digest(), all.digest());
        assert_eq!(all.and(&["acme MART".to_owned()]).digest(), all.digest());
        assert_ne!(
            Terms::new([("any", "a b")]).digest(),
            Terms::new([("any", "a"), ("any", "b")]).digest()
        );
        assert!(Terms::default().is_empty() && !all.is_empty());
        assert_eq!(Terms::new([]), Terms::default());
    }
}
