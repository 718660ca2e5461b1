//! A model chooses a tool: it can write nothing but what the schema has.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;

use super::asking::Asking;
use super::prompt;
use crate::engine::{Form, Sampling, Scope};
use crate::skills::concierge::tools::schema::{Choice, parse, schema};
use crate::skills::voice::{Speaker, Utterance};

/// Tokens of a choice.
const MAX_TOKENS: usize = 64;

/// What the model chose among these products; none where it could not be asked, or said nothing whole.
pub(super) async fn choose(
    asking: &Asking,
    products: &[(String, String)],
    order: Option<&str>,
    speaker: &Arc<dyn Speaker>,
    deadline: Instant,
) -> Option<Choice> {
    let skus: Vec<String> = products.iter().map(|(sku, _)| sku.clone()).collect();
    let utterance = Utterance {
        messages: prompt::choice(asking, products),
        form: Some(Form::JsonSchema(schema(&skus, order))),
        sampling: Sampling::default(),
        max_tokens: MAX_TOKENS,
        scope: Scope::Public,
        deadline,
    };
    let mut speech = match speaker.say(utterance).await {
        Ok(speech) => speech,
        Err(error) => {
            tracing::warn!(%error, model = speaker.name(), "no tool could be chosen");
            return None;
        }
    };
    let mut text = String::new();
    while let Some(Ok(chunk)) = speech.next().await {
        text.push_str(&chunk.text);
    }
    parse(&text)
}
