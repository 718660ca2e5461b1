//! The models of the shelf, as skills speak through them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::timeout_at;

use super::meaning::Meaning;
use super::service::{Served, ServedModel};
use super::shelf::{Lease, Lent, Manner, Presence, Shelf, Shelved};
use crate::engine::{Constraint, EngineError, Request, TokenId};
use crate::skills::chat::TemplateError;
use crate::skills::embedding::normalise;
use crate::skills::voice::{self, Silence, Speaker, Speech, Utterance};

/// A question waits this long for its meaning; then only its words count.
const PATIENCE: Duration = Duration::from_secs(2);

/// Language models of a shelf.
pub(super) struct ShelfVoice {
    shelf: Arc<dyn Shelf>,
    usual: Option<String>,
}

impl ShelfVoice {
    /// `usual` is the model that speaks where a request names none; without one it is the first
    /// language model, and one that is in memory goes before one that is not.
    pub(super) fn new(shelf: Arc<dyn Shelf>, usual: Option<String>) -> Self {
        Self { shelf, usual }
    }

    fn choice(&self) -> Option<String> {
        let shelved = self.shelf.list().into_iter();
        let speaks = |shelved: &Shelved| shelved.about.manner == Manner::Chat;
        let away = |shelved: &Shelved| shelved.presence != Presence::Loaded;
        let aliases = self.shelf.aliases();
        let shares = || aliases.iter().flat_map(|alias| &alias.shares);
        let answers = |name: &str| shares().any(|share| share.package == name);
        // Of packages that came with bundles those speak that requests are led to; the others stand by.
        let bundled = |one: &Shelved| one.about.bundled && answers(&one.name);
        let may = |one: &Shelved| speaks(one) && (!one.about.bundled || answers(&one.name));
        let order = |one: &Shelved| (!bundled(one), away(one), one.name.clone());
        let first = shelved.filter(may).min_by_key(order);
        self.usual.clone().or_else(|| first.map(|shelved| shelved.name))
    }

    async fn lend(&self, name: &str) -> Option<Arc<dyn Speaker>> {
        match self.shelf.lend(name.into()).await {
            Ok(lease) => {
                let speaker = speaker(lease);
                if speaker.is_none() {
                    tracing::warn!(model = name, "has no chat template, so skills cannot use it");
                }
                speaker
            }
            Err(error) => {
                tracing::warn!(model = name, %error, "skills answer without a model");
                None
            }
        }
    }
}

impl voice::Voice for ShelfVoice {
    fn speaker<'a>(
        &'a self,
        model: Option<&'a str>,
        deadline: Instant,
    ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>> {
        async move {
            let name = model.map(str::to_owned).or_else(|| self.choice())?;
            timeout_at(deadline.into(), self.lend(&name)).await.ok().flatten()
        }
        .boxed()
    }

    fn at_hand(&self, model: Option<&str>) -> Option<Arc<dyn Speaker>> {
        let name = model.map(str::to_owned).or_else(|| self.choice())?;
        speaker(self.shelf.at_hand(name.as_str().into())?)
    }
}

fn speaker(lease: Lease) -> Option<Arc<dyn Speaker>> {
    match lease.served().clone() {
        Served::Language(model) if model.template.is_some() => {
            Some(Arc::new(LentSpeaker(lease.of(model))))
        }
        _ => None,
    }
}

/// A model that stays in memory as long as it may be asked.
struct LentSpeaker(Lent<ServedModel>);

impl Speaker for LentSpeaker {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn speaks(&self, language: &str) -> bool {
        let stated = &self.0.languages;
        stated.is_empty() || stated.iter().any(|known| known == language)
    }

    fn skills(&self) -> &[String] {
        &self.0.skills
    }

    fn blocked(&self, language: &str) -> Vec<String> {
        self.0.blocked.of_language(language).map(str::to_owned).collect()
    }

    fn was_refused(&self) {
        self.0.conduct.refused();
    }

    fn weights(&self) -> u64 {
        self.0.model.report().multiply_adds_per_token
    }

    fn say(&self, utterance: Utterance) -> BoxFuture<'_, Result<Speech, Silence>> {
        let served = self.0.clone();
        async move {
            let model = served.clone();
            let work = move || prepare(&model, utterance);
            let failed = |error: tokio::task::JoinError| EngineError::Internal(error.to_string());
            let request = tokio::task::spawn_blocking(work).await.map_err(failed)??;
            let generation = served.model.generate(request)?;
            // The model is given back when the speech ends.
            let speech =
                stream::unfold((generation, served), |(mut generation, served)| async move {
                    let chunk = generation.next().await?;
                    Some((chunk, (generation, served)))
                });
            Ok(speech.boxed())
        }
        .boxed()
    }
}

/// Writes the prompt and makes the form ready, which takes milliseconds.
fn prepare(served: &ServedModel, utterance: Utterance) -> Result<Request, Silence> {
    let constraint: Option<Constraint> = match &utterance.form {
        Some(form) => {
            let made = served.model.constrain(form);
            Some(made.map_err(|error| EngineError::Constraint(error.to_string()))?)
        }
        None => None,
    };
    Ok(Request {
        prompt: prompt(served, &utterance)?,
        sampling: utterance.sampling,
        max_tokens: utterance.max_tokens,
        stop: Vec::new(),
        logprobs: None,
        deadline: Some(utterance.deadline),
        scope: utterance.scope,
        constraint,
    })
}

fn prompt(served: &ServedModel, utterance: &Utterance) -> Result<Vec<TokenId>, Silence> {
    let template = served.template.as_ref();
    let template = template
        .ok_or_else(|| EngineError::Internal("the model has no chat template".to_owned()))?;
    let tokenizer = served.model.tokenizer();
    let text = template.prompt(&utterance.messages, |typed| tokenizer.guard(typed));
    let text = text.inspect_err(|error| tell(served, error))?;
    Ok(tokenizer.encode(&text, true)?)
}

/// Tells whoever judges the package that its template did not write a prompt.
pub(super) fn tell(served: &ServedModel, error: &TemplateError) {
    match error {
        TemplateError::Compile(_) | TemplateError::Render(_) => served.conduct.failed(),
        TemplateError::Refused(_) => served.conduct.turned_down(),
        TemplateError::TooLong { .. } => {}
    }
}

impl voice::Meaning for Meaning {
    fn vector<'a>(&'a self, text: &'a str, deadline: Instant) -> BoxFuture<'a, Option<Arc<[f32]>>> {
        async move {
            let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
            let mut vector = self.vectors(&[text.to_owned()], patience).await?.pop()?;
            normalise(&mut vector);
            Some(vector.into())
        }
        .boxed()
    }

    fn encoder(&self) -> Option<String> {
        Meaning::encoder(self)
    }

    fn is_at_hand(&self) -> bool {
        Meaning::is_at_hand(self)
    }
}
