//! What the demo says once it is there: where everything is, and what to try.

use std::path::PathBuf;

use super::ALIAS;
use super::headquarters::{STORE, TENANT};
use crate::cli::context::Known;

/// What is said.
pub(super) struct Greeting {
    pub(super) model: String,
    /// The data folder, where one was named.
    pub(super) data: Option<PathBuf>,
    pub(super) hq: Known,
    pub(super) broker: String,
    /// Published facts.
    pub(super) facts: u64,
}

impl Greeting {
    pub(super) fn text(&self, store: &Known) -> String {
        let Self { model, hq, broker, facts, .. } = self;
        let (Known { url, token }, endcap) = (store, self.endcap());
        let chat = format!(
            "{{\"model\": \"{ALIAS}\", \"stream\": true, \"temperature\": 0, \"max_tokens\": 64, \
             \"messages\": [{{\"role\": \"user\", \"content\": \"What is the capital of France?\"}}]}}"
        );
        let question = r#"{"question": "How much are the Fuji apples?"}"#;
        let order = r#"{"sku": "901062", "kind": "shelf_talker"}"#;
        format!(
            "A store and its headquarters are on this machine.\n\n  \
             store   {url}   {model}, {facts} facts\n  \
             HQ      {}/fleet/{TENANT}   log in with {}\n  \
             line    {broker}\n\n\
             Ask the store:\n\n  \
             export ENDCAP_TOKEN={token}\n  \
             ask() {{ curl -s \"{url}$1\" -H \"Authorization: Bearer $ENDCAP_TOKEN\" \
             -H 'Content-Type: application/json' \"${{@:2}}\"; echo; }}\n  \
             ask /v1/chat/completions -N -d '{chat}'\n  \
             ask '/store/v1/search?q=strawbery+yogurt&in_stock=true'\n  \
             ask '/store/v1/search?q=helado&on_promotion=true&without=nuts&language=es'\n  \
             ask /store/v1/ask -d '{question}'\n  \
             ask /store/v1/copy -d '{order}'\n\n\
             Change something at HQ (README.md, \"A walk through the demo\", goes on from here):\n\n  \
             {endcap} hq facts put prices sku=901062 amount=0.99 currency=USD\n  \
             {endcap} hq status {STORE}\n  \
             {endcap} demo line down     # the store answers on; `up` mends it\n  \
             {endcap} status             # what waits for HQ meanwhile\n\n\
             Ctrl-C stops everything.",
            hq.url, hq.token,
        )
    }

    /// How this program was called, over the same folder.
    fn endcap(&self) -> String {
        let program = std::env::args().next().unwrap_or_else(|| "endcap".to_owned());
        match &self.data {
            Some(data) => format!("{program} --data {}", data.display()),
            None => program,
        }
    }
}
