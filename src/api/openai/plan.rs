//! Knobs as written to knobs that cannot be wrong.

use std::ops::RangeInclusive;
use std::time::Instant;

use super::fields::LogitBias;
use crate::api::error::{out_of_range, over_limit};
use crate::api::service::{Defaults, Limits};
use crate::engine::{Request, Sampling, Scope, TokenId};
use crate::http::Problem;

/// What chat and completions have in common, as written.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobs<'a> {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<i64>,
    pub(super) min_p: Option<f64>,
    pub(super) repetition_penalty: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) logit_bias: Option<&'a LogitBias>,
    pub(super) seed: Option<i64>,
    pub(super) n: Option<i64>,
    pub(super) stop: Option<&'a [String]>,
    /// Name of the field and its value.
    pub(super) max_tokens: Option<(&'static str, i64)>,
    /// Alternatives for each token; already checked.
    pub(super) logprobs: Option<u8>,
}

/// What a request asks of the sampler, checked; the model's own defaults are still open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<Option<u32>>,
    min_p: Option<f32>,
    repetition_penalty: Option<f32>,
    presence_penalty: f32,
    frequency_penalty: f32,
    logit_bias: Vec<(TokenId, f32)>,
    seed: Option<u64>,
    max_tokens: Option<usize>,
    stop: Vec<String>,
    logprobs: Option<u8>,
    /// Choices for each prompt.
    pub(super) n: usize,
}

impl Plan {
    pub(super) fn check(knobs: &Knobs<'_>, limits: &Limits) -> Result<Self, Problem> {
        let top_k = whole("top_k", knobs.top_k, 0..=i64::from(u32::MAX))?;
        let max_tokens = match knobs.max_tokens {
            Some((field, count)) => {
                let max = limits.max_completion_tokens;
                Some(at_most(field, count, max, "max_completion_tokens")?)
            }
            None => None,
        };
        let n = match knobs.n {
            Some(n) => at_most("n", n, limits.max_n, "max_n")?,
            None => 1,
        };
        Ok(Self {
            temperature: number("temperature", knobs.temperature, 0.0..=2.0)?,
            // A share of 0 keeps the best token only, as does the smallest share above it.
            top_p: number("top_p", knobs.top_p, 0.0..=1.0)?.map(|p| p.max(f32::MIN_POSITIVE)),
            top_k: top_k.map(|k| u32::try_from(k).ok().filter(|k| *k > 0)),
            min_p: number("min_p", knobs.min_p, 0.0..=1.0)?.map(|p| p.min(1.0 - f32::EPSILON)),
            repetition_penalty: number("repetition_penalty", knobs.repetition_penalty, 0.1..=10.0)?,
            presence_penalty: number("presence_penalty", knobs.presence_penalty, -2.0..=2.0)?
                .unwrap_or(0.0),
            frequency_penalty: number("frequency_penalty", knobs.frequency_penalty, -2.0..=2.0)?
                .unwrap_or(0.0),
            logit_bias: biases(knobs.logit_bias, limits)?,
            seed: knobs.seed.map(i64::cast_unsigned),
            max_tokens,
            stop: stops(knobs.stop.unwrap_or_default(), limits)?,
            logprobs: knobs.logprobs,
            n,
        })
    }

    /// The engine's requests for one prompt: `n`, alike but for their seeds.
    pub(super) fn requests(
        &self,
        prompt: &[TokenId],
        defaults: &Defaults,
        limits: &Limits,
        seed: u64,
        deadline: Instant,
    ) -> Vec<Request> {
        let seed = self.seed.unwrap_or(seed);
        let of = |choice| derived_seed(seed, choice);
        let one = |choice| self.request(prompt, defaults, limits, of(choice), deadline);
        (0..self.n).map(one).collect()
    }

    /// One choice, drawn with this seed.
    pub(super) fn request(
        &self,
        prompt: &[TokenId],
        defaults: &Defaults,
        limits: &Limits,
        seed: u64,
        deadline: Instant,
    ) -> Request {
        let max_tokens = self.max_tokens.or(defaults.max_new_tokens);
        Request {
            prompt: prompt.to_vec(),
            sampling: self.sampling(&defaults.sampling, seed),
            max_tokens: max_tokens.unwrap_or(usize::MAX).clamp(1, limits.max_completion_tokens),
            stop: self.stop.clone(),
            logprobs: self.logprobs,
            deadline: Some(deadline),
            scope: Scope::Public,
            constraint: None,
        }
    }

    /// The seed that the request names.
    pub(super) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Biases are for tokens that the model has.
    pub(super) fn check_tokens(&self, vocabulary: usize) -> Result<(), Problem> {
        let unknown = self.logit_bias.iter().find(|(token, _)| *token as usize >= vocabulary);
        let Some((token, _)) = unknown else { return Ok(()) };
        let param = format!("logit_bias.{token}");
        Err(Problem::invalid(format!("{param}: the model has {vocabulary} tokens, counted from 0"))
            .param(param)
            .code("unknown_token"))
    }

    fn sampling(&self, defaults: &Sampling, seed: u64) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.clone(),
            seed,
        }
    }
}

/// Choice 0 has the request's seed, so it is what `n: 1` gives; the others are spread by the
/// output function of SplitMix64.
fn derived_seed(seed: u64, choice: usize) -> u64 {
    if choice == 0 {
        return seed;
    }
    let mut z = seed.wrapping_add((choice as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seed where the request has none.
pub(super) fn fresh_seed() -> Result<u64, Problem> {
    getrandom::u64().map_err(Problem::internal)
}

fn number(
    field: &str,
    given: Option<f64>,
    allowed: RangeInclusive<f64>,
) -> Result<Option<f32>, Problem> {
    match given {
        Some(value) if !allowed.contains(&value) => {
            let range = format!("between {} and {}", allowed.start(), allowed.end());
            Err(out_of_range(field, value, &range))
        }
        given => Ok(given.map(|value| value as f32)),
    }
}

/// A whole number in a range.
pub(super) fn whole(
    field: &str,
    given: Option<i64>,
    allowed: RangeInclusive<i64>,
) -> Result<Option<usize>, Problem> {
    let Some(value) = given else { return Ok(None) };
    usize::try_from(value).ok().filter(|_| allowed.contains(&value)).map(Some).ok_or_else(|| {
        let range = format!("between {} and {}", allowed.start(), allowed.end());
        out_of_range(field, value, &range)
    })
}

/// A whole number from 1 to a limit of this server.
fn at_most(field: &str, given: i64, limit: usize, name: &str) -> Result<usize, Problem> {
    usize::try_from(given).ok().filter(|value| (1..=limit).contains(value)).ok_or_else(|| {
        out_of_range(field, given, &format!("between 1 and {limit}, the limit of {name}"))
    })
}

fn stops(given: &[String], limits: &Limits) -> Result<Vec<String>, Problem> {
    if given.len() > limits.max_stop {
        return Err(over_limit("stop", given.len(), "texts", limits.max_stop, "max_stop"));
    }
    for (index, text) in given.iter().enumerate() {
        let field = if given.len() == 1 { "stop".to_owned() } else { format!("stop[{index}]") };
        if text.is_empty() {
            return Err(out_of_range(&field, "empty", "at least one character"));
        }
        if text.len() > limits.max_stop_bytes {
            let limit = limits.max_stop_bytes;
            return Err(over_limit(&field, text.len(), "bytes", limit, "max_stop_bytes"));
        }
    }
    Ok(given.to_vec())
}

fn biases(given: Option<&LogitBias>, limits: &Limits) -> Result<Vec<(TokenId, f32)>, Problem> {
    let Some(LogitBias(given)) = given else { return Ok(Vec::new()) };
    if given.len() > limits.max_logit_bias {
        let (count, limit) = (given.len(), limits.max_logit_bias);
        return Err(over_limit("logit_bias", count, "entries", limit, "max_logit_bias"));
    }
    let one = |(key, bias): (&String, &f64)| {
        let field = format!("logit_bias.{}", key.chars().take(40).collect::<String>());
        // One way to write a token, or its biases would add up.
        let token = key.parse::<TokenId>().ok().filter(|token| token.to_string() == *key);
        let token = token.ok_or_else(|| {
            Problem::invalid(format!("{field}: the key is not a token id"))
                .param(&field)
                .code("invalid_value")
        })?;
        let bias = number(&field, Some(*bias), -100.0..=100.0)?.unwrap_or(0.0);
        Ok((token, bias))
    };
    given.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(knobs: &Knobs<'_>, defaults: &Defaults) -> Vec<Request> {
        let limits = Limits::default();
        let plan = Plan::check(knobs, &limits).unwrap();
        plan.requests(&[1, 2], defaults, &limits, 77, Instant::now())
    }

    /// A package that says nothing of sampling.
    fn silent() -> Defaults {
        let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
        Defaults { sampling, max_new_tokens: None }
    }

    #[test]
    fn the_request_stands_above_the_package() {
        let package = Defaults {
            sampling: Sampling {
                temperature: 0.2,
                top_p: 0.9,
                top_k: Some(40),
                min_p: 0.1,
                repetition_penalty: 1.1,
                ..Sampling::default()
            },
            max_new_tokens: Some(300),
        };
        let from_package = &requests(&Knobs::default(), &package)[0];
        assert_eq!(from_package.sampling, Sampling { seed: 77, ..package.sampling.clone() });
        assert_eq!(from_package.max_tokens, 300);
        assert_eq!(requests(&Knobs::default(), &silent())[0].max_tokens, 4096);
        let knobs = Knobs {
            temperature: Some(0.0),
            top_p: Some(0.0),
            top_k: Some(0),
            min_p: Some(1.0),
            repetition_penalty: Some(1.0),
            max_tokens: Some(("max_tokens", 5)),
            seed: Some(-1),
            ..Knobs::default()
        };
        let asked = &requests(&knobs, &package)[0];
        let sampling = &asked.sampling;
        assert_eq!((sampling.temperature, sampling.top_k, asked.max_tokens), (0.0, None, 5));
        assert!(sampling.top_p > 0.0 && sampling.min_p < 1.0);
        assert_eq!((sampling.repetition_penalty, sampling.seed), (1.0, u64::MAX));
    }

    #[test]
    fn choices_differ_in_their_seeds_and_the_first_is_what_one_alone_would_be() {
        let knobs = |n| Knobs { seed: Some(5), n: Some(n), ..Knobs::default() };
        let many = requests(&knobs(8), &silent());
        let mut seeds: Vec<_> = many.iter().map(|r| r.sampling.seed).collect();
        assert_eq!(seeds[0], requests(&knobs(1), &silent())[0].sampling.seed);
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 8);
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_name_and_range() {
        let limits = Limits::default();
        let bias = |key: &str, value| LogitBias([(key.to_owned(), value)].into());
        let (bad_key, bad_bias) = (bias("milk", 1.0), bias("7", 101.0));
        let many = LogitBias((0..2000).map(|i| (i.to_string(), 1.0)).collect());
        let (empty, long) = ([String::new()], ["x".repeat(257)]);
        let stops = vec!["x".to_owned(); 17];
        let knobs = Knobs::default;
        for (knobs, param, says) in [
            (Knobs { temperature: Some(-0.1), ..knobs() }, "temperature", "between 0 and 2"),
            (Knobs { temperature: Some(1e300), ..knobs() }, "temperature", "between 0 and 2"),
            (Knobs { top_p: Some(1.1), ..knobs() }, "top_p", "between 0 and 1"),
            (Knobs { top_k: Some(-1), ..knobs() }, "top_k", "top_k is -1"),
            (Knobs { presence_penalty: Some(3.0), ..knobs() }, "presence_penalty", "-2 and 2"),
            (Knobs { repetition_penalty: Some(0.0), ..knobs() }, "repetition_penalty", "0.1"),
            (Knobs { n: Some(0), ..knobs() }, "n", "between 1 and 8, the limit of max_n"),
            (Knobs { n: Some(9), ..knobs() }, "n", "n is 9"),
            (Knobs { max_tokens: Some(("max_tokens", i64::MAX)), ..knobs() }, "max_tokens", "4096"),
            (Knobs { max_tokens: Some(("max_tokens", -1)), ..knobs() }, "max_tokens", "is -1"),
            (Knobs { logit_bias: Some(&bad_key), ..knobs() }, "logit_bias.milk", "token id"),
            (Knobs { logit_bias: Some(&bad_bias), ..knobs() }, "logit_bias.7", "-100 and 100"),
            (Knobs { logit_bias: Some(&many), ..knobs() }, "logit_bias", "limit is 1024"),
            (
                Knobs { stop: Some(&stops), ..knobs() },
                "stop",
                "17 texts; the limit is 16 (max_stop)",
            ),
            (Knobs { stop: Some(&empty), ..knobs() }, "stop", "at least one character"),
            (Knobs { stop: Some(&long), ..knobs() }, "stop", "257 bytes; the limit is 256"),
        ] {
            let problem = Plan::check(&knobs, &limits).unwrap_err();
            assert_eq!(problem.body().param.as_deref(), Some(param));
            assert!(problem.body().message.contains(says), "{}", problem.body().message);
        }
    }
}
