//! A bundle's checks, asked as customers ask.

use super::{Bundles, failed};
use crate::api::{Served, ServedModel};
use crate::engine::{Request, Sampling, Scope, TokenId};
use crate::protocol::Digest;
use crate::protocol::documents::Check;
use crate::reconcile::bundle::StageError;
use crate::skills::chat::{Message, Role};
use crate::skills::guard::Heard;

impl Bundles {
    /// What a bundle answers to a check, greedily; without what its rules do not let it say.
    pub(super) async fn ask(&self, bundle: Digest, check: &Check) -> Result<String, StageError> {
        let document = self.bundle(bundle).await?;
        let name = super::first(&document, bundle)?.name;
        let lease = self.shelf.lend((&name).into()).await.map_err(failed)?;
        let Served::Language(served) = lease.served().clone() else {
            return Err(failed("the model is asked with arrays, not with texts"));
        };
        let mut generation = served.model.generate(request(&served, check)?).map_err(failed)?;
        let (mut answer, mut listener) = (String::new(), served.blocked.listen());
        while let Some(chunk) = generation.next().await {
            let text = chunk.map_err(failed)?.text;
            answer.push_str(&text);
            if let Heard::Blocked(bytes) = listener.hear(&text) {
                answer.truncate(bytes);
                return Ok(answer);
            }
        }
        if let Heard::Blocked(bytes) = listener.end() {
            answer.truncate(bytes);
        }
        Ok(answer)
    }
}

fn request(served: &ServedModel, check: &Check) -> Result<Request, StageError> {
    let content = check.prompt.to_string();
    let prompt = match &served.template {
        Some(template) => {
            let messages = [Message { role: Role::User, content }];
            let guard = |typed: &str| served.model.tokenizer().guard(typed);
            template.prompt(&messages, guard).map_err(failed)?
        }
        None => content,
    };
    let begin = served.begin.filter(|_| served.template.is_none());
    let text = served.model.tokenizer().encode(&prompt, true).map_err(failed)?;
    Ok(Request {
        prompt: begin.into_iter().chain(text).collect::<Vec<TokenId>>(),
        sampling: Sampling { temperature: 0.0, ..served.defaults.sampling.clone() },
        max_tokens: usize::try_from(check.max_tokens).unwrap_or(usize::MAX),
        stop: Vec::new(),
        logprobs: None,
        deadline: None,
        scope: Scope::Public,
        constraint: None,
    })
}
