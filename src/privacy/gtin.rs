//! Trade item numbers: the numbers below bar codes.

/// Whether these digits are a GTIN-8, -12, -13 or -14: the last one checks the others.
pub(super) fn is_gtin(digits: &[u8]) -> bool {
    if ![8, 12, 13, 14].contains(&digits.len()) {
        return false;
    }
    let weighted = digits.iter().rev().enumerate();
    let sum: u32 = weighted.map(|(i, &d)| u32::from(d) * if i % 2 == 1 { 3 } else { 1 }).sum();
    sum.is_multiple_of(10)
}
