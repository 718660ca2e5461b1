//! `endcap demo`: from nothing to a first answer, with one command.

mod shop;

use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::arguments::Common;
use super::progress::Bars;
use super::serve::Door;
use super::{on_runtime, output};
use crate::app::{self, Started};
use crate::config::{self, Config};
use crate::http::{Role, Tokens};
use crate::packages::{Catalogue, DEFAULT_MODEL as MODEL, Store};

/// Makes vectors of what is searched.
const ENCODER: &str = "all-minilm-l6-v2";

/// The sample shop has no feeds, so none of them is ever too old.
const UNFED: [&str; 5] = [
    "facts.prices_max_age_s",
    "facts.promotions_max_age_s",
    "facts.stock_max_age_s",
    "facts.hours_max_age_s",
    "facts.recalls_max_age_s",
];

const EXAMPLES: &str = "\
Examples:
  endcap demo
  endcap demo --listen 127.0.0.1:0                  any free port
  ENDCAP_TOKEN=my-own-token endcap demo             a token of your choice

The token is valid for this run only. The first Ctrl-C lets running answers finish; a second one
does not.";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Demo {
    #[command(flatten)]
    door: Door,
}

pub(super) fn run(common: &Common, demo: &Demo) -> anyhow::Result<()> {
    let sources = demo.door.over(common.sources()).with_flag("models.serve", MODEL);
    let sources = UNFED.into_iter().fold(sources, |sources, age| sources.with_flag(age, "0"));
    let config = config::load(&sources)?;
    let token = match sources.token() {
        Some(token) => {
            Tokens::check_chosen(token).context("ENDCAP_TOKEN cannot be the token")?;
            token.to_owned()
        }
        None => random_token()?,
    };
    let tokens = Tokens::open(&config.tokens_file())?.with_fixed(&token, Role::Admin, "demo");
    on_runtime(async {
        // Before the pull: a taken port is better told at once than after a download.
        app::check_port(&config).await?;
        pull(&config, MODEL).await?;
        // Without it products are found by their words alone.
        if let Err(error) = pull(&config, ENCODER).await {
            output::note(&format!("note: search goes by words alone: {error:#}"));
        }
        shop::load(&config).await?;
        let config = config::load(&sources.with_flag("models.serve", served(&config)?))?;
        app::run(config, tokens, |started| greet(started, &token)).await?;
        Ok(())
    })
}

async fn pull(config: &Config, model: &str) -> anyhow::Result<()> {
    let store = Store::open(&config.data_dir)?;
    if store.package(model).is_ok() {
        return Ok(());
    }
    let catalogue = Catalogue::load(&config.data_dir)?;
    store
        .pull(model, &catalogue, Arc::new(Bars::new()))
        .await
        .with_context(|| format!("pulling {model}"))?;
    Ok(())
}

/// The packages that are there, as the setting has them.
fn served(config: &Config) -> anyhow::Result<String> {
    let store = Store::open(&config.data_dir)?;
    let there = [MODEL, ENCODER].into_iter().filter(|model| store.package(model).is_ok());
    Ok(there.collect::<Vec<_>>().join(","))
}

fn greet(started: &Started, token: &str) {
    let Started { url, .. } = started;
    let body = format!(
        "{{\"model\": \"{MODEL}\", \"stream\": true, \"temperature\": 0, \"max_tokens\": 64, \"messages\": \
         [{{\"role\": \"user\", \"content\": \"What is the capital of France?\"}}]}}"
    );
    let question = r#"{"question": "How much are the Fuji apples?"}"#;
    let order = r#"{"sku": "901062", "kind": "shelf_talker"}"#;
    let text = format!(
        "Endcap serves {MODEL} and a sample shop on {url}\n\
         Token: {token}\n\
         Try it:\n\n  \
         curl -sN {url}/v1/chat/completions -H 'Authorization: Bearer {token}' \
         -H 'Content-Type: application/json' -d '{body}'\n\n  \
         curl -s '{url}/store/v1/search?q=strawbery+yogurt&in_stock=true' \
         -H 'Authorization: Bearer {token}'\n\n  \
         curl -s '{url}/store/v1/search?q=helado&on_promotion=true&without=nuts&language=es' \
         -H 'Authorization: Bearer {token}'\n\n  \
         curl -s {url}/store/v1/ask -H 'Authorization: Bearer {token}' \
         -H 'Content-Type: application/json' -d '{question}'\n\n  \
         curl -s {url}/store/v1/copy -H 'Authorization: Bearer {token}' \
         -H 'Content-Type: application/json' -d '{order}'\n\n\
         Ctrl-C stops it."
    );
    // Whoever read the address may have closed the pipe; the server goes on.
    let _ = output::line(&text);
}

/// 256 random bits, as text that needs no quoting.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("drawing random bytes for a token")?;
    Ok(format!("demo_{}", URL_SAFE_NO_PAD.encode(bytes)))
}
