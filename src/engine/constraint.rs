//! Answers that keep to a form: each next token is one after which the form can still be met.
//!
//! The grammar's side is `llguidance`, which tells for a beginning of an answer the tokens that may
//! come next. It works on what tokens add to a text, so a form is met whatever pieces a model
//! prefers.

use std::fmt;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{
    ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie,
};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use super::{TokenId, Tokenizer};

/// States of a form's automaton at most; each takes up to two kilobytes.
const MAX_STATES: usize = 20_000;
/// What may stand between the signs of JSON. Without an end a small model may go on with it.
const BETWEEN_SIGNS: &str = r"[\x20\x0A]{0,2}";
/// A schema's own wishes, as `llguidance` reads them.
const WISHES: &str = "x-guidance";

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// JSON that satisfies this JSON Schema.
    JsonSchema(Value),
    /// A text that this regular expression matches as a whole.
    Regex(String),
}

/// Why a form cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The form is wrong, too large, or uses what is not supported.
    #[error("{0}")]
    Form(String),
    /// The model never says that it is done.
    #[error("the model has no end token, so a form cannot be completed")]
    NoEnd,
}

/// What forms of one model have in common: its tokens, as a tree of bytes.
pub(super) struct Forms {
    factory: ParserFactory,
    ends: Arc<[TokenId]>,
}

impl Forms {
    /// Takes as long as sorting the vocabulary. `vocabulary` is the width of a row of logits.
    pub(super) fn new(
        tokenizer: &Tokenizer,
        vocabulary: usize,
        ends: &[TokenId],
    ) -> Result<Self, ConstraintError> {
        let &end = ends.first().ok_or(ConstraintError::NoEnd)?;
        let words: Vec<Vec<u8>> = (0..vocabulary as TokenId)
            .map(|token| match tokenizer.token_bytes(token) {
                // Control tokens are no text: they have a name that no form can ask for.
                [] => {
                    let name = format!("[{token}]").into_bytes();
                    [vec![TokTrie::SPECIAL_TOKEN_MARKER], name].concat()
                }
                bytes => bytes.to_vec(),
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(vocabulary as u32, end), &words);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = SlicedBiasComputer::general_slices();
        let factory = ParserFactory::new(&tokens, InferenceCapabilities::default(), &slices);
        let mut factory = factory.map_err(|error| ConstraintError::Form(format!("{error:#}")))?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.max_lexer_states = MAX_STATES;
        // An error's text would else hold what was generated.
        limits.verbose_errors = false;
        Ok(Self { factory, ends: ends.into() })
    }

    /// Prepares a form for one answer.
    pub(super) fn compile(&self, form: &Form) -> Result<Constraint, ConstraintError> {
        let grammar = match form {
            Form::JsonSchema(schema) => TopLevelGrammar::from_json_schema(tight(schema)),
            Form::Regex(pattern) => TopLevelGrammar::from_regex(pattern),
        };
        let mut matcher = Matcher::new(self.factory.create_parser(grammar));
        // A form that nothing can meet is found before anything is generated.
        let first = matcher.compute_mask_or_eos();
        let first = first.map_err(|error| ConstraintError::Form(words(&error.to_string())))?;
        if first.is_zero() {
            return Err(ConstraintError::Form("no text can satisfy it".to_owned()));
        }
        Ok(Constraint { form: form.clone().into(), matcher, ends: Arc::clone(&self.ends) })
    }
}

/// The schema with a bound on white space, where it does not say otherwise.
fn tight(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) if !fields.contains_key(WISHES) => {
            let mut fields = fields.clone();
            fields.insert(WISHES.to_owned(), json!({ "whitespace_pattern": BETWEEN_SIGNS }));
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// The first line of an error, of a length that people read.
fn words(error: &str) -> String {
    error.lines().next().unwrap_or_default().chars().take(300).collect()
}

/// A form and how far an answer is in it. Clones begin where the original is.
#[derive(Clone)]
pub struct Constraint {
    form: Arc<Form>,
    matcher: Matcher,
    ends: Arc<[TokenId]>,
}

impl Constraint {
    /// Leaves only those of `logits` that may come next.
    pub(super) fn narrow(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let allowed = self.matcher.compute_mask_or_eos().map_err(|e| words(&e.to_string()))?;
        let may_end = self.ends.iter().any(|&end| allowed.is_allowed(end));
        let mut any = false;
        for (token, logit) in logits.iter_mut().enumerate() {
            let token = token as TokenId;
            let end = may_end && self.ends.contains(&token);
            if end || allows(&allowed, token) {
                any |= *logit > f32::NEG_INFINITY;
            } else {
                *logit = f32::NEG_INFINITY;
            }
        }
        if any { Ok(()) } else { Err("no token can go on with the form".to_owned()) }
    }

    /// Goes on by the token that was chosen; one that ends the answer changes nothing.
    pub(super) fn accept(&mut self, token: TokenId) -> Result<(), String> {
        if self.ends.contains(&token) {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| words(&error.to_string()))
    }
}

fn allows(allowed: &SimpleVob, token: TokenId) -> bool {
    (token as usize) < allowed.len() && allowed.is_allowed(token)
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.form.fmt(f)
    }
}
