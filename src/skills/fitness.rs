//! Whether a model is trusted with a skill.

use super::voice::Speaker;

/// Models with fewer weights answer open questions with much that means nothing, and that no check
/// of facts can tell from sense.
const LEAST_WEIGHTS: u64 = 300_000_000;
/// Models with fewer weights know what goes together, and cannot be trusted with a sentence.
const LEAST_TO_SPEAK: u64 = 1_000_000_000;

/// What a model is trusted with in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nothing.
    Nothing,
    /// Naming what to look for.
    Choosing,
    /// Saying it as well.
    Speaking,
}

/// What a model is trusted with: everything where its card names the skill, nothing where it names
/// others, and else what it is large enough for.
pub(super) fn trust(speaker: &dyn Speaker, skill: &str) -> Trust {
    match (speaker.skills(), speaker.weights()) {
        ([], LEAST_TO_SPEAK..) => Trust::Speaking,
        ([], LEAST_WEIGHTS..) => Trust::Choosing,
        ([], _) => Trust::Nothing,
        (stated, _) if stated.iter().any(|known| known == skill) => Trust::Speaking,
        _ => Trust::Nothing,
    }
}

/// What its card says of a skill, or else whether it is large enough.
pub(super) fn is_fit(speaker: &dyn Speaker, skill: &str) -> bool {
    trust(speaker, skill) > Trust::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::double::Double;

    #[test]
    fn a_card_decides_and_where_it_is_silent_the_size_does() {
        for (skills, weights, trusted) in [
            (vec![], 106_000_000, Trust::Nothing),
            (vec![], 358_000_000, Trust::Choosing),
            (vec![], 1_310_000_000, Trust::Speaking),
            (vec!["ask"], 106_000_000, Trust::Speaking),
            (vec!["copy"], 7_000_000_000, Trust::Nothing),
        ] {
            let card = skills.iter().map(|skill| (*skill).to_owned()).collect();
            let model = Double { skills: card, weights, ..Double::mute() };
            assert_eq!(trust(&model, "ask"), trusted, "{skills:?} {weights}");
            assert_eq!(is_fit(&model, "ask"), trusted > Trust::Nothing);
        }
    }
}
