//! Phone numbers: with a country's code, as a country writes them, or where words say so.

use super::gtin::is_gtin;
use super::number::{Number, ends};
use super::{after, before};

/// How far before a number a word may stand that says what it is.
const CONTEXT_BYTES: usize = 40;
/// Such words, or their beginnings, in the languages of the skills.
const CONTEXT: [&str; 31] = [
    "phone",
    "mobile",
    "cell",
    "call me",
    "call us",
    "reach me",
    "text me",
    "sms",
    "whatsapp",
    "fax",
    "tel.",
    "tel:",
    "tel ",
    "my number",
    "telefon",
    "handy",
    "anruf",
    "ruft",
    "rufen",
    "ruf mich",
    "meine nummer",
    "téléphone",
    "telephone",
    "portable",
    "appel",
    "mon numéro",
    "teléfono",
    "móvil",
    "llám",
    "llam",
    "mi número",
];

/// Where a phone number that begins at `at` ends.
pub(super) fn end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let signs = ["(+", "+(", "+", "("].iter().find(|signs| rest.starts_with(**signs));
    let signs = signs.map_or(0, |signs| signs.len());
    let first = at + signs;
    if !text.as_bytes().get(first)?.is_ascii_digit() {
        return None;
    }
    // "12(345)" and "3+4" are no beginnings.
    if signs > 0 && before(text, at).is_some_and(char::is_alphanumeric) {
        return None;
    }
    let number = Number::read(text, first);
    let area_end = number.groups.first()?.end;
    let area = number.groups.len() > 1 && after(text, area_end) == Some(')');
    if rest.starts_with('(') && !area {
        return None;
    }
    let international = rest.get(..signs).is_some_and(|signs| signs.contains('+'));
    let announced = is_announced(text, at);
    let listed = text.get(..at)?.trim_end().ends_with(|c: char| c.is_ascii_digit());
    (1..=number.groups.len()).rev().find_map(|groups| {
        let end = number.groups.get(groups - 1)?.end;
        let written = Written { number: &number, groups, listed };
        let phone = if international {
            written.is_international(0)
        } else {
            written.is_national() || (announced && written.is_long_enough())
        };
        let bar_code = groups == 1 && !announced && is_gtin(number.digits_of(groups));
        (phone && !bar_code && !written.has_date() && ends(text, end)).then_some(end)
    })
}

/// Whether words before a number say that it is one to call.
fn is_announced(text: &str, at: usize) -> bool {
    let mut from = at.saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let words = text.get(from..at).unwrap_or_default();
    // Names of what was found are no words.
    let words = words.rsplit('>').next().unwrap_or_default().to_lowercase();
    CONTEXT.iter().any(|word| words.contains(word))
}

/// The first groups of a number.
struct Written<'a> {
    number: &'a Number,
    groups: usize,
    /// Another number stands before it.
    listed: bool,
}

impl Written<'_> {
    fn digits(&self) -> &[u8] {
        self.number.digits_of(self.groups)
    }

    fn sign(&self, group: usize) -> char {
        self.number.groups.get(group).map_or(' ', |group| group.sign)
    }

    /// A country's code and 7 to 15 digits in all (E.164); `from` is where the code begins.
    fn is_international(&self, from: usize) -> bool {
        let digits = self.digits().get(from..).unwrap_or_default();
        // No country's code begins with zero.
        (8..=15).contains(&digits.len()) && matches!(digits, [1..=9, ..])
    }

    fn is_national(&self) -> bool {
        let digits = self.digits();
        match digits {
            // 00 49 …, where a plus is not at hand.
            [0, 0, ..] => self.is_international(2),
            // A trunk zero: area and number.
            [0, 1..=9, ..] => self.has_trunk_zero(),
            _ => self.is_north_american() || self.is_spanish(),
        }
    }

    fn has_trunk_zero(&self) -> bool {
        let sizes = self.number.sizes(self.groups);
        let first = sizes.first().copied().unwrap_or_default();
        // Pairs are France's, five of them; more are a list.
        if self.groups > 1 && sizes.iter().all(|&size| size == 2) {
            return self.groups == 5 && self.number.groups.len() == 5 && !self.listed;
        }
        (9..=12).contains(&self.digits().len()) && first >= 2 && sizes.iter().all(|&size| size >= 2)
    }

    /// Area, exchange and line, with signs between: `(555) 123-4567`, `1-555-123-4567`.
    fn is_north_american(&self) -> bool {
        let sizes = self.number.sizes(self.groups);
        let digits = match (sizes.as_slice(), self.digits()) {
            ([3, 3, 4], digits) => digits,
            ([1, 3, 3, 4], [1, digits @ ..]) => digits,
            _ => return false,
        };
        matches!(digits, [2..=9, _, _, 2..=9, ..])
    }

    /// Nine digits from 6 to 9, in the groups that are usual in Spain.
    fn is_spanish(&self) -> bool {
        let usual = [&[3, 3, 3][..], &[3, 2, 2, 2], &[2, 3, 2, 2]];
        let sizes = self.number.sizes(self.groups);
        let spaced = (1..self.groups).all(|group| self.sign(group) != '/');
        // Thousands are grouped by dots as well: "900.000.000".
        let thousands = (1..self.groups).any(|group| self.sign(group) == '.');
        matches!(self.digits(), [6..=9, ..])
            && usual.contains(&sizes.as_slice())
            && spaced
            && !thousands
    }

    fn is_long_enough(&self) -> bool {
        (7..=15).contains(&self.digits().len())
    }

    /// Whether there is day, month and year in it, in either order.
    fn has_date(&self) -> bool {
        let sizes = self.number.sizes(self.groups);
        sizes.windows(3).enumerate().any(|(at, sizes)| {
            let (first, second) = (self.sign(at + 1), self.sign(at + 2));
            let date = match sizes {
                [1..=2, 1..=2, 4] | [4, 1..=2, 1..=2] => true,
                [1..=2, 1..=2, 2] => self.groups == 3,
                _ => false,
            };
            date && first == second && ['.', '/', '-'].contains(&first)
        })
    }
}
