//! Dates and times of day that are written with numbers.

use chrono::{Datelike, NaiveDate};

use super::super::Question;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::words::{Word, fold};

/// Words around a number that make a time of it, and those that do where it is no date.
const AFTER_TIME: [&str; 8] = ["am", "pm", "uhr", "h", "heure", "heures", "horas", "hrs"];
const BEFORE_TIME: [&str; 3] = ["at", "um", "las"];
const BEFORE_SPAN: [&str; 16] = [
    "until", "till", "by", "before", "after", "from", "bis", "ab", "vor", "nach", "gegen", "avant",
    "apres", "vers", "a", "desde",
];
/// Words around the number of a day.
const ORDINALS: [&str; 5] = ["st", "nd", "rd", "th", "er"];
const BEFORE_DAY: [&str; 7] = ["the", "am", "den", "dem", "el", "dia", "le"];
const OF: [&str; 3] = ["of", "de", "o"];

/// What the numbers of a question say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// There are none.
    Absent,
    /// These days.
    Dates(Vec<NaiveDate>),
    /// A time of day, and no day.
    Time,
    /// Something else.
    Unknown,
}

/// Reads the numbers of a question that is asked on a day.
pub(super) fn numbers(question: &Question<'_>, today: NaiveDate) -> Numbers {
    let text = Text { text: question.text, words: question.words, today };
    let american = question.understood.language == Language::English;
    let (mut days, mut timed, mut at) = (Vec::new(), false, 0);
    while let Some(word) = question.words.get(at) {
        if !word.is_number() {
            at += 1;
        } else if let Some(next) = text.time(at, &BEFORE_TIME) {
            (timed, at) = (true, next);
        } else if let Some((day, next)) = text.date(at, american) {
            if day < today {
                return Numbers::Unknown;
            }
            days.push(day);
            at = next;
        } else if BEFORE_SPAN.contains(&text.before(at)) {
            (timed, at) = (true, at + 1);
        } else {
            return Numbers::Unknown;
        }
    }
    match (days.is_empty(), timed) {
        (false, _) => Numbers::Dates(days),
        (true, true) => Numbers::Time,
        (true, false) => Numbers::Absent,
    }
}

/// The next such day from a day on.
pub(super) fn next(month: u32, day: u32, from: NaiveDate) -> Option<NaiveDate> {
    // The 29th of February may be eight years away.
    let days = (0..=8).filter_map(|years| NaiveDate::from_ymd_opt(from.year() + years, month, day));
    days.into_iter().find(|found| *found >= from)
}

/// Whether a word is the whole name of a month, and no word of other things.
pub(super) fn is_month(word: &str) -> bool {
    !["may", "mai", "mars"].contains(&word) && months().any(|(_, name)| name == word)
}

/// The names of all months in all languages, folded.
fn months() -> impl Iterator<Item = (u32, String)> {
    Language::ALL.into_iter().flat_map(|language| {
        (0..12).map(move |month0| (month0 + 1, fold(figures::month(month0, language))))
    })
}

/// A month by its name or its beginning.
fn month(word: &str) -> Option<u32> {
    let named = |(_, name): &(u32, String)| word.len() >= 3 && name.starts_with(word);
    months().find(named).map(|(month, _)| month)
}

/// A question's words, with what stands between them.
struct Text<'a> {
    text: &'a str,
    words: &'a [Word],
    today: NaiveDate,
}

impl Text<'_> {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| word.folded.as_str())
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    fn number(&self, at: usize) -> Option<u32> {
        self.word(at).parse().ok()
    }

    /// What stands between a word and the next.
    fn sign(&self, at: usize) -> &str {
        let (one, next) = (self.words.get(at), self.words.get(at + 1));
        let between =
            one.zip(next).and_then(|(one, next)| self.text.get(one.range.end..next.range.start));
        between.unwrap_or_default().trim()
    }

    /// The place after a time of day.
    fn time(&self, at: usize, before: &[&str]) -> Option<usize> {
        let (next, then) = (self.word(at + 1), self.word(at + 2));
        if self.sign(at) == ":" {
            return Some(at + 2);
        }
        let half = matches!((next, then), ("a" | "p", "m") | ("o", "clock"));
        if AFTER_TIME.contains(&next) || half {
            let minutes = matches!(next, "h" | "uhr") && self.number(at + 2).is_some();
            return Some(if minutes { at + 3 } else { at + 2 });
        }
        before.contains(&self.before(at)).then_some(at + 1)
    }

    /// A day, and the place after it.
    fn date(&self, at: usize, american: bool) -> Option<(NaiveDate, usize)> {
        self.in_numbers(at, american).or_else(|| self.with_month(at)).or_else(|| self.ordinal(at))
    }

    /// `25.12.`, `25.12.2026`, `25/12`, `2026-12-25`; `12/25` where that is how it is written.
    fn in_numbers(&self, at: usize, american: bool) -> Option<(NaiveDate, usize)> {
        let mut parts: Vec<u32> = Vec::new();
        let mut end = at;
        loop {
            for part in self.word(end).split('.') {
                parts.push(part.parse().ok()?);
            }
            let is_year = parts.first().is_some_and(|first| *first > 1000);
            let goes_on = matches!(self.sign(end), "/" | ".") || is_year && self.sign(end) == "-";
            end += 1;
            if !goes_on || self.number(end).is_none() {
                break;
            }
        }
        let (day, month, year) = match *parts.as_slice() {
            [year, month, day] if year > 1000 => (day, month, Some(year)),
            [day, month] => (day, month, None),
            [day, month, year] => (day, month, Some(year)),
            _ => return None,
        };
        let (day, month) = match american && self.sign(at) == "/" {
            // The 5th of December or the 12th of May: nobody can tell.
            true if day <= 12 && month <= 12 && day != month => return None,
            true if month > 12 => (month, day),
            _ => (day, month),
        };
        Some((self.day(day, month, year)?, end))
    }

    /// `25 December 2026`, `December 25th`, `25 de diciembre`, `1er janvier`.
    fn with_month(&self, at: usize) -> Option<(NaiveDate, usize)> {
        let day = self.number(at)?;
        let mut end = at + 1;
        let idle = |word: &str| ORDINALS.contains(&word) || OF.contains(&word);
        while idle(self.word(end)) {
            end += 1;
        }
        let month = match month(self.word(end)) {
            Some(month) => {
                end += 1;
                month
            }
            None => {
                let the = usize::from(self.before(at) == "the");
                month(self.before(at - the.min(at)))?
            }
        };
        let of = usize::from(OF.contains(&self.word(end)));
        let year = self.number(end + of).filter(|year| *year > 1000);
        let end = if year.is_some() { end + of + 1 } else { end };
        Some((self.day(day, month, year)?, end))
    }

    /// `the 31st`, `am 31.`, `el 31`, `le 31`: the next of these.
    fn ordinal(&self, at: usize) -> Option<(NaiveDate, usize)> {
        let day = self.number(at)?;
        let ordinal = ORDINALS.contains(&self.word(at + 1));
        if !ordinal && !BEFORE_DAY.contains(&self.before(at)) {
            return None;
        }
        let end = at + 1 + usize::from(ordinal);
        // "The 2nd Sunday" is no date.
        if super::is_time(self.word(end)) {
            return None;
        }
        let months = (0..12).map(|ahead| (self.today.month0() + ahead) % 12 + 1);
        let days = months.filter_map(|month| next(month, day, self.today));
        days.min().map(|day| (day, end))
    }

    fn day(&self, day: u32, month: u32, year: Option<u32>) -> Option<NaiveDate> {
        match year {
            Some(year) => NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day),
            None => next(month, day, self.today),
        }
    }
}
