//! Payment cards.

use super::gtin::is_gtin;
use super::number::{Number, ends};

/// Where a card number that begins at `at` ends.
pub(super) fn end(text: &str, at: usize) -> Option<usize> {
    if !text.as_bytes().get(at)?.is_ascii_digit() {
        return None;
    }
    let number = Number::read(text, at);
    (1..=number.groups.len()).rev().find_map(|groups| {
        let last = number.groups.get(groups - 1)?;
        let digits = number.digits_of(groups);
        let written = is_grouped(&number.sizes(groups)) && is_separated(&number, groups);
        let card = written && issued(digits) && luhn(digits) && ends(text, last.end);
        // The numbers below bar codes may satisfy Luhn's sum, too. Cards of these lengths are
        // rare, bar codes are what shops ask about.
        let bar_code = groups == 1 && [12, 13].contains(&digits.len()) && is_gtin(digits);
        (card && !bar_code).then_some(last.end)
    })
}

/// All in one, or in groups as they are printed.
fn is_grouped(sizes: &[usize]) -> bool {
    match sizes {
        [_] => true,
        [4, middle @ .., last] => {
            middle.iter().all(|size| [4, 6].contains(size)) && (1..=7).contains(last)
        }
        _ => false,
    }
}

/// Whether one kind of sign stands between all groups.
fn is_separated(number: &Number, groups: usize) -> bool {
    let mut signs = number.groups.iter().take(groups).skip(1).map(|group| group.sign);
    let first = signs.next();
    first.is_none_or(|first| [' ', '-', '.'].contains(&first) && signs.all(|sign| sign == first))
}

/// Whether an issuer has numbers that begin so and are as long (ISO/IEC 7812).
fn issued(digits: &[u8]) -> bool {
    let beginning = |count| digits.iter().take(count).fold(0u32, |n, &d| n * 10 + u32::from(d));
    matches!(
        (beginning(1), beginning(2), beginning(4), digits.len()),
        (4, .., 13 | 16 | 19)
            | (_, 51..=55, _, 16)
            | (_, _, 2221..=2720, 16)
            | (_, 34 | 37, _, 15)
            | (_, 36 | 38 | 39, _, 14..=19)
            | (_, _, 3000..=3059 | 3095, 14..=19)
            | (_, _, 3528..=3589, 16..=19)
            | (_, 60 | 62 | 64 | 65 | 81, _, 16..=19)
            | (_, 50 | 56..=58 | 63 | 67, _, 12..=19)
    )
}

/// The sum that all card numbers satisfy.
fn luhn(digits: &[u8]) -> bool {
    let doubled = |d: u8| if d > 4 { 2 * d - 9 } else { 2 * d };
    let from_last = digits.iter().rev().enumerate();
    let sum: u32 =
        from_last.map(|(i, &d)| u32::from(if i % 2 == 1 { doubled(d) } else { d })).sum();
    sum.is_multiple_of(10) && digits.iter().any(|&d| d != 0)
}
