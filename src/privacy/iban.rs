//! International bank account numbers (ISO 13616).

/// Characters of an IBAN, by country.
const LENGTHS: [(&str, usize); 88] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];

/// Where an IBAN that begins at `at` ends.
pub(super) fn end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let country = rest.get(..2)?.to_ascii_uppercase();
    if !rest.as_bytes().get(2..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (_, length) = LENGTHS.iter().find(|(code, _)| *code == country)?;
    let (bytes, code) = read(rest, *length)?;
    let follows = rest.get(bytes..).and_then(|rest| rest.chars().next());
    (remainder(&code) == 1 && !follows.is_some_and(char::is_alphanumeric)).then_some(at + bytes)
}

/// Bytes and characters of the next `length` letters and digits, single spaces left out.
fn read(rest: &str, length: usize) -> Option<(usize, Vec<u8>)> {
    let mut code = Vec::with_capacity(length);
    let mut spaced = false;
    for (at, c) in rest.char_indices() {
        match c {
            ' ' | '-' | '\u{a0}' if !spaced && !code.is_empty() => spaced = true,
            c if c.is_ascii_alphanumeric() => {
                code.push(c.to_ascii_uppercase() as u8);
                spaced = false;
            }
            _ => return None,
        }
        if code.len() == length {
            return Some((at + 1, code));
        }
    }
    None
}

/// What ISO 7064 leaves of a code: 1 where its check digits are right.
fn remainder(code: &[u8]) -> u32 {
    let (head, tail) = code.split_at(code.len().min(4));
    tail.iter().chain(head).fold(0, |rest, &c| match c {
        b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
        _ => (rest * 100 + u32::from(c.saturating_sub(b'A')) + 10) % 97,
    })
}
