//! Whether a model is trusted with a skill.

use super::voice::Speaker;

/// Models with fewer weights answer open questions with much that means nothing, and that no check
/// of facts can tell from sense.
const LEAST_WEIGHTS: u64 = 300_000_000;

/// What its card says of a skill, or else whether it is large enough.
pub(super) fn is_fit(speaker: &dyn Speaker, skill: &str) -> bool {
    match speaker.skills() {
        [] => speaker.weights() >= LEAST_WEIGHTS,
        stated => stated.iter().any(|known| known == skill),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::double::Double;

    #[test]
    fn a_card_decides_and_where_it_is_silent_the_size_does() {
        for (skills, weights, fit) in [
            (vec![], 106_000_000, false),
            (vec![], 358_000_000, true),
            (vec!["ask"], 106_000_000, true),
            (vec!["copy"], 7_000_000_000, false),
        ] {
            let card = skills.iter().map(|skill| (*skill).to_owned()).collect();
            let model = Double { skills: card, weights, ..Double::mute() };
            assert_eq!(is_fit(&model, "ask"), fit, "{skills:?} {weights}");
        }
    }
}
