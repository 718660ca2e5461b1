//! Numbers by which states know people.

use super::number::Number;
use super::{Entity, after};

/// How far before a number a word may stand that says what it is.
const CONTEXT_BYTES: usize = 40;

/// What number of a person begins at `at`, and where it ends.
pub(super) fn end(text: &str, at: usize) -> Option<(Entity, usize)> {
    let first = after(text, at)?;
    if first.is_ascii_alphabetic() {
        return (nie(text, at).map(|end| (Entity::EsNie, end)))
            .or_else(|| nino(text, at).map(|end| (Entity::UkNino, end)));
    }
    if !first.is_ascii_digit() {
        return None;
    }
    let number = Number::read(text, at);
    let found = [
        (Entity::FrNir, nir(text, at)),
        (Entity::UsSsn, ssn(text, &number)),
        (Entity::EsNif, nif(text, &number)),
        (Entity::DeTaxId, tax_id(text, at, &number)),
        (Entity::UkNhs, nhs(text, at, &number)),
    ];
    found.into_iter().find_map(|(entity, end)| Some((entity, end?)))
}

/// The end of as many groups as have so many digits, where the number may end there.
fn end_of(text: &str, number: &Number, digits: usize) -> Option<(usize, usize)> {
    let groups = (1..=number.groups.len()).find(|&n| number.digits_of(n).len() == digits)?;
    let end = number.groups.get(groups - 1)?.end;
    ended(text, end).then_some((groups, end))
}

/// Whether no letter or digit follows. Decimals need no thought: none of these is an amount.
fn ended(text: &str, end: usize) -> bool {
    !after(text, end).is_some_and(char::is_alphanumeric)
}

/// United States: area, group and serial with hyphens; numbers that are never given are none.
fn ssn(text: &str, number: &Number) -> Option<usize> {
    let (groups, end) = end_of(text, number, 9)?;
    let hyphens = number.groups.iter().take(groups).skip(1).all(|group| group.sign == '-');
    let value = |from: usize, count: usize| {
        number.digits.iter().skip(from).take(count).fold(0, |n, &d| n * 10 + u32::from(d))
    };
    let (area, group, serial) = (value(0, 3), value(3, 2), value(5, 4));
    let given = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    (number.sizes(groups) == [3, 2, 4] && hyphens && given).then_some(end)
}

/// Germany's tax number of a person: eleven digits, one of them twice or three times among the
/// first ten, and a check digit (ISO 7064, MOD 11,10). Words before it must say so.
fn tax_id(text: &str, at: usize, number: &Number) -> Option<usize> {
    let (groups, end) = end_of(text, number, 11)?;
    let digits = number.digits_of(groups);
    let (&check, body) = digits.split_last()?;
    let most = (0..10).map(|digit| body.iter().filter(|&&d| d == digit).count()).max()?;
    let product = body.iter().fold(10u32, |product, &digit| {
        let sum = (product + u32::from(digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let right = (11 - product) % 10 == u32::from(check);
    let said = is_announced(text, at, &["steuer", "idnr", "id-nr", "tax id", "tax number"]);
    (said && digits.first() != Some(&0) && (2..=3).contains(&most) && right).then_some(end)
}

/// The United Kingdom's health service: ten digits, the last a check (modulus 11). Words before it
/// must say so, as phone numbers of America are grouped alike.
fn nhs(text: &str, at: usize, number: &Number) -> Option<usize> {
    let (groups, end) = end_of(text, number, 10)?;
    let (&check, body) = number.digits_of(groups).split_last()?;
    let weighted = body.iter().zip((2..=10).rev());
    let sum: u32 = weighted.map(|(&digit, weight)| u32::from(digit) * weight).sum();
    let right = (11 - sum % 11) % 11 == u32::from(check);
    (right && is_announced(text, at, &["nhs", "health service"])).then_some(end)
}

/// Spain: eight digits and a letter that follows from them.
fn nif(text: &str, number: &Number) -> Option<usize> {
    let groups = (1..=number.groups.len()).find(|&n| number.digits_of(n).len() == 8)?;
    if ![&[8][..], &[2, 3, 3]].contains(&number.sizes(groups).as_slice()) {
        return None;
    }
    let digits = number.digits_of(groups);
    let value = digits.iter().fold(0, |n, &d| n * 10 + usize::from(d));
    letter(text, number.groups.get(groups - 1)?.end, value)
}

/// Spain, of foreigners: a letter that stands for a digit, seven digits, and the letter.
fn nie(text: &str, at: usize) -> Option<usize> {
    let first = ['x', 'y', 'z'].iter().position(|&c| is_letter(text, at, c))?;
    let from = at + 1 + usize::from(after(text, at + 1) == Some('-'));
    let number = Number::read(text, from);
    let value = number.digits_of(1).iter().fold(first, |n, &d| n * 10 + usize::from(d));
    let group = number.groups.first().filter(|group| group.count == 7)?;
    letter(text, group.end, value)
}

/// Where the letter that checks a Spanish number ends, a hyphen or space before it allowed.
fn letter(text: &str, at: usize, value: usize) -> Option<usize> {
    let at = at + usize::from(matches!(after(text, at), Some('-' | ' ')));
    let expected = "trwagmyfpdxbnjzsqvhlcke".chars().nth(value % 23)?;
    (is_letter(text, at, expected) && ended(text, at + 1)).then_some(at + 1)
}

fn is_letter(text: &str, at: usize, expected: char) -> bool {
    after(text, at).is_some_and(|c| c.to_ascii_lowercase() == expected)
}

/// The United Kingdom's insurance: two letters that are given, six digits, A to D.
fn nino(text: &str, at: usize) -> Option<usize> {
    let mut rest = text.get(at..)?.char_indices().filter(|(_, c)| *c != ' ').take(9);
    let mut code = String::with_capacity(9);
    let mut end = at;
    for (offset, c) in rest.by_ref() {
        if !c.is_ascii_alphanumeric() {
            return None;
        }
        code.push(c.to_ascii_uppercase());
        end = at + offset + 1;
    }
    let prefix = code.get(..2)?;
    let given = prefix.bytes().all(|b| b.is_ascii_uppercase() && !b"DFIQUV".contains(&b))
        && !prefix.ends_with('O')
        && !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&prefix);
    let digits = code.get(2..8)?.bytes().all(|b| b.is_ascii_digit());
    let suffix = matches!(code.get(8..), Some("A" | "B" | "C" | "D"));
    (given && digits && suffix && ended(text, end)).then_some(end)
}

/// France: sex, year, month, department, commune, order, and 97 less what 97 leaves of them.
fn nir(text: &str, at: usize) -> Option<usize> {
    let mut code: Vec<u8> = Vec::with_capacity(15);
    let mut end = at;
    for (offset, c) in text.get(at..)?.char_indices().take(24) {
        match c {
            ' ' | '\u{a0}' | '.' => continue,
            '0'..='9' => code.push(c as u8 - b'0'),
            // Corsica's departments are 2A and 2B; they count as 19 and 18.
            'A' | 'a' | 'B' | 'b' if code.len() == 6 && code.last() == Some(&2) => {
                code.pop();
                code.extend([1, if c.eq_ignore_ascii_case(&'a') { 9 } else { 8 }]);
            }
            _ => break,
        }
        end = at + offset + 1;
        if code.len() == 15 {
            break;
        }
    }
    let (body, key) = code.split_at_checked(13)?;
    let value = |digits: &[u8]| digits.iter().fold(0u64, |n, &d| n * 10 + u64::from(d));
    let months = matches!(value(code.get(3..5)?), 1..=12 | 20 | 30..=42 | 50..=99);
    let right = key.len() == 2 && matches!(body, [1 | 2, ..]) && months;
    (right && 97 - value(body) % 97 == value(key) && ended(text, end)).then_some(end)
}

/// Whether words before a number say what it is.
fn is_announced(text: &str, at: usize, words: &[&str]) -> bool {
    let mut from = at.saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let before = text.get(from..at).unwrap_or_default();
    // Names of what was found are no words.
    let before = before.rsplit('>').next().unwrap_or_default().to_lowercase();
    words.iter().any(|word| before.contains(word))
}
