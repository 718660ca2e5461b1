//! How a step's rows are given out.

/// What a sequence could use of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Its newest token, to go on answering.
    Token,
    /// So many tokens of its prompt.
    Prompt(usize),
    /// Nothing just now: another sequence computes what it would compute.
    Wait,
}

/// Rows that each sequence gets in the next step: an answer always gets its row; prompts share
/// `chunk` evenly, so that a short one does not wait for a long one. What one does not need goes to
/// those that need more.
pub(super) fn share(needs: &[Need], chunk: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = needs.iter().map(|need| usize::from(*need == Need::Token)).collect();
    let prompt = |(at, need): (usize, &Need)| match need {
        Need::Prompt(pending) => Some((*pending, at)),
        _ => None,
    };
    let mut prompts: Vec<(usize, usize)> = needs.iter().enumerate().filter_map(prompt).collect();
    prompts.sort_unstable();
    let mut left = chunk;
    let mut takers = prompts.len();
    for (pending, at) in prompts {
        if let Some(rows) = rows.get_mut(at) {
            *rows = pending.min(left.div_ceil(takers));
            left -= *rows;
            takers -= 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::Need::{Prompt, Token, Wait};
    use super::*;

    #[test]
    fn answers_come_first_and_prompts_share_the_chunk_evenly() {
        for (needs, chunk, want) in [
            (&[Token, Token, Token][..], 4, &[1, 1, 1][..]),
            (&[Prompt(100), Token, Prompt(50)], 64, &[32, 1, 32]),
            (&[Prompt(2000), Token, Prompt(30)], 128, &[98, 1, 30]),
            (&[Prompt(30), Prompt(2000), Prompt(2000)], 64, &[22, 21, 21]),
            (&[Prompt(2), Prompt(2), Prompt(2)], 1, &[1, 0, 0]),
            (&[Prompt(90), Wait, Prompt(1)], 64, &[63, 0, 1]),
            (&[], 8, &[]),
        ] {
            assert_eq!(share(needs, chunk), want, "{needs:?}");
        }
    }
}
