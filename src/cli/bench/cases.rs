//! Single questions that a comparison asks, each answered in a few numbers.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde::Serialize;

use super::outcome::{middle, ms};
use super::rig::Rig;
use super::watch::Event;
use crate::engine::{Scope, TokenId};

/// Tokens of a prompt that are new where the rest was computed before.
const NEW_TOKENS: usize = 100;

/// Tokens of the prompts of answers that run when another prompt arrives.
const RUNNING_PROMPT: usize = 128;

/// A prompt of which the beginning is known, against one that is new.
#[derive(Debug, Serialize)]
pub(super) struct Prefix {
    prompt_tokens: usize,
    known_tokens: usize,
    new_ms: f64,
    known_ms: f64,
    /// Known over new.
    ratio: f64,
}

pub(super) fn prefix(rig: &mut Rig, prompt: usize, rounds: usize) -> anyhow::Result<Prefix> {
    ensure!(prompt > NEW_TOKENS, "a prompt of more than {NEW_TOKENS} tokens is expected");
    rig.room_for(prompt + 1)?;
    rig.round(1, 16, 1)?;
    let known_tokens = prompt - NEW_TOKENS;
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let first = rig.prompt(prompt);
        let shared = first.iter().copied().take(known_tokens);
        let second: Vec<TokenId> = shared.chain(rig.prompt(NEW_TOKENS)).collect();
        new.push(ms(first_token(rig, first)?));
        known.push(ms(first_token(rig, second)?));
    }
    let (new_ms, known_ms) = (middle(new), middle(known));
    Ok(Prefix { prompt_tokens: prompt, known_tokens, new_ms, known_ms, ratio: known_ms / new_ms })
}

/// From the request to its first token, which is also its last.
fn first_token(rig: &Rig, prompt: Vec<TokenId>) -> anyhow::Result<Duration> {
    let answer = rig.ask_in(Scope::Public, prompt, 1)?;
    let mut first = None;
    loop {
        match rig.event()?.1 {
            Event::First(after) => first = Some(after),
            Event::Ended => break,
            _ => {}
        }
    }
    drop(answer);
    first.ok_or_else(|| anyhow::anyhow!("the answer ended without a token"))
}

/// Gaps between tokens, of all running answers and rounds together.
#[derive(Debug, Serialize)]
pub(super) struct Gaps {
    count: usize,
    p50_ms: f64,
    p99_ms: f64,
    longest_ms: f64,
}

impl Gaps {
    fn of(gaps: &[Duration]) -> Self {
        let at = |share| ms(percentile(gaps, share));
        Self { count: gaps.len(), p50_ms: at(0.5), p99_ms: at(0.99), longest_ms: at(1.0) }
    }
}

/// The shortest time that this share of all does not exceed; 0 of none.
pub(super) fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// What running answers notice of a prompt that arrives.
#[derive(Debug, Serialize)]
pub(super) struct Arrival {
    running: usize,
    prompt_tokens: usize,
    quiet: Gaps,
    arriving: Gaps,
    /// The 99th percentiles: arriving over quiet.
    ratio: f64,
    /// Until the prompt that arrived had its first token.
    time_to_first_token_ms: f64,
}

pub(super) fn arrival(
    rig: &mut Rig,
    running: usize,
    prompt: usize,
    tokens: usize,
    rounds: usize,
) -> anyhow::Result<Arrival> {
    rig.room_for(prompt.max(RUNNING_PROMPT + tokens) + 1)?;
    rig.round(running, 16, 2)?;
    let (mut quiet, mut arriving, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let answers = running_answers(rig, running)?;
        quiet.extend(gaps_until(rig, |_, gaps| gaps >= tokens * running)?.0);
        let late = rig.prompt(prompt);
        let late = rig.ask(late, 1)?;
        let (gaps, first) = gaps_until(rig, |event, _| matches!(event, Event::First(_)))?;
        arriving.extend(gaps);
        firsts.extend(first.map(ms));
        let all = answers.into_iter().chain([late]).collect();
        rig.end(all, 0)?;
    }
    let (quiet, arriving) = (Gaps::of(&quiet), Gaps::of(&arriving));
    let ratio = arriving.p99_ms / quiet.p99_ms;
    let time_to_first_token_ms = middle(firsts);
    Ok(Arrival { running, prompt_tokens: prompt, quiet, arriving, ratio, time_to_first_token_ms })
}

/// Answers that each have their first token and go on as far as there is room.
fn running_answers(
    rig: &mut Rig,
    running: usize,
) -> anyhow::Result<Vec<crate::engine::Generation>> {
    let most = rig.room().saturating_sub(RUNNING_PROMPT).max(1);
    let prompts: Vec<_> = (0..running).map(|_| rig.prompt(RUNNING_PROMPT)).collect();
    let answers = prompts.into_iter().map(|prompt| rig.ask(prompt, most));
    let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
    let mut begun = 0;
    while begun < running {
        begun += usize::from(matches!(rig.event()?.1, Event::First(_)));
    }
    Ok(answers)
}

/// The gaps until `done` says so of an event and the number of gaps; and the time to the first
/// token where that event was one.
fn gaps_until(
    rig: &Rig,
    done: impl Fn(Event, usize) -> bool,
) -> anyhow::Result<(Vec<Duration>, Option<Duration>)> {
    let mut gaps = Vec::new();
    loop {
        let event = rig.event()?.1;
        match event {
            Event::Next(gap) => gaps.push(gap),
            Event::Ended => bail!("a running answer ended before the measurement"),
            _ => {}
        }
        if done(event, gaps.len()) {
            let first = if let Event::First(after) = event { Some(after) } else { None };
            return Ok((gaps, first));
        }
    }
}

/// A start of this process up to its first token.
#[derive(Debug, Serialize)]
pub(super) struct Start {
    prompt_tokens: usize,
    load_ms: f64,
    time_to_first_token_ms: f64,
}

pub(super) fn start(rig: &mut Rig, prompt: usize) -> anyhow::Result<Start> {
    rig.room_for(prompt + 1)?;
    let text = rig.prompt(prompt);
    let from = Instant::now();
    first_token(rig, text)?;
    let time_to_first_token_ms = ms(from.elapsed());
    Ok(Start { prompt_tokens: prompt, load_ms: ms(rig.load_time()), time_to_first_token_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        for (share, want) in [(0.0, 1), (0.5, 100), (0.99, 198), (1.0, 200)] {
            assert_eq!(percentile(&times, share), Duration::from_millis(want), "{share}");
        }
        assert_eq!(percentile(&[], 0.99), Duration::ZERO);
    }
}
