//! What a text shows of its writer's temper, as a few numbers.

use super::phrases::Heard;

/// Letters that a text needs before capitals say something.
const MIN_LETTERS: usize = 10;
/// Share of capitals from which on a text is shouted, in percent.
const SHOUTED_PERCENT: usize = 70;

/// What stands in a text besides its meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cues {
    /// Phrases of anger, of annoyance; 1 where it is in capitals; 1 where marks are doubled.
    pub values: [f32; 4],
}

impl Cues {
    pub(super) fn of(text: &str, heard: &Heard) -> Self {
        let number = |count: usize| u8::try_from(count).map_or(f32::from(u8::MAX), f32::from);
        let flag = |is| if is { 1.0 } else { 0.0 };
        Self {
            values: [
                number(heard.strong),
                number(heard.mild),
                flag(is_shouted(text)),
                flag(has_doubled_marks(text)),
            ],
        }
    }
}

fn is_shouted(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    letters >= MIN_LETTERS && capitals * 100 >= letters * SHOUTED_PERCENT
}

fn has_doubled_marks(text: &str) -> bool {
    ["!!", "??", "?!", "!?"].iter().any(|marks| text.contains(marks))
}
