//! International bank account numbers (ISO 13616).

/// Countries, each with the characters of its IBANs.
const LENGTHS: &str = "\
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 \
    DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 \
    HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 \
    MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 \
    RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 \
    VA22 VG24 XK20";

/// Where an IBAN that begins at `at` ends.
pub(super) fn end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let country = rest.get(..2)?.to_ascii_uppercase();
    if !rest.as_bytes().get(2..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut lengths = LENGTHS.split(' ');
    let length = lengths.find_map(|known| known.strip_prefix(country.as_str()))?.parse().ok()?;
    let (bytes, code) = read(rest, length)?;
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
