//! Groups of digits as people write long numbers.

/// More digits are no number that we know.
const MAX_DIGITS: usize = 24;
/// Characters between two groups at most, as in `) - `.
const MAX_BETWEEN: usize = 3;

/// Digits that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// Place of its first digit among all digits.
    pub(super) first: usize,
    /// How many.
    pub(super) count: usize,
    /// Byte behind its last digit.
    pub(super) end: usize,
    /// What stands before it: the last sign that is no space, or a space.
    pub(super) sign: char,
}

/// A long number that begins at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Number {
    /// Values of all digits.
    pub(super) digits: Vec<u8>,
    /// How they are grouped.
    pub(super) groups: Vec<Group>,
}

impl Number {
    /// Reads digits with single signs between groups. `at` is the first digit.
    pub(super) fn read(text: &str, at: usize) -> Self {
        let mut number = Self::default();
        let (mut at, mut sign) = (at, ' ');
        loop {
            let first = number.digits.len();
            let rest = text.get(at..).unwrap_or_default();
            let run = rest.bytes().take_while(u8::is_ascii_digit).take(MAX_DIGITS + 1).count();
            if run == 0 || first + run > MAX_DIGITS {
                return number;
            }
            number.digits.extend(rest.bytes().take(run).map(|b| b - b'0'));
            let end = at + run;
            number.groups.push(Group { first, count: run, end, sign });
            match between(text.get(end..).unwrap_or_default()) {
                Some((bytes, found)) => (at, sign) = (end + bytes, found),
                None => return number,
            }
        }
    }

    /// The digits of the first groups.
    pub(super) fn digits_of(&self, groups: usize) -> &[u8] {
        let last = groups.checked_sub(1).and_then(|at| self.groups.get(at));
        let count = last.map_or(0, |group| group.first + group.count);
        self.digits.get(..count).unwrap_or_default()
    }

    /// How many digits the first groups have, group by group.
    pub(super) fn sizes(&self, groups: usize) -> Vec<usize> {
        self.groups.iter().take(groups).map(|group| group.count).collect()
    }
}

/// Whether a number may end here: no digit, letter or further decimals follow.
pub(super) fn ends(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    match rest.chars().next() {
        Some(c) if c.is_alphanumeric() => false,
        Some('.' | ',') => !has_decimals(rest.get(1..).unwrap_or_default()),
        _ => true,
    }
}

/// Whether what stands behind a point or comma are decimals, or thousands, and no number of its own.
fn has_decimals(rest: &str) -> bool {
    let run = rest.bytes().take_while(u8::is_ascii_digit).take(MAX_DIGITS).count();
    let mut behind = rest.bytes().skip(run);
    let goes_on = matches!(behind.next(), Some(b' ' | b'-'))
        && behind.next().is_some_and(|b| b.is_ascii_digit());
    (1..=3).contains(&run) && !goes_on
}

/// Bytes and sign of what stands between two groups of digits.
fn between(rest: &str) -> Option<(usize, char)> {
    let (mut bytes, mut sign) = (0, ' ');
    for (count, c) in rest.chars().enumerate() {
        if c.is_ascii_digit() {
            return (count > 0).then_some((bytes, sign));
        }
        if count == MAX_BETWEEN {
            return None;
        }
        match c {
            ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' => {}
            '-' | '\u{2010}' | '\u{2011}' | '\u{2012}' | '\u{2013}' => sign = '-',
            '.' | '/' | '(' | ')' => sign = c,
            _ => return None,
        }
        bytes += c.len_utf8();
    }
    None
}
