//! `endcap demo`: a store and its headquarters on this machine, with one command.
//!
//! The store is this process. Headquarters and the broker between them are processes beside it, the
//! same as anywhere else; the store enrols there and follows what is published there.

mod folder;
mod greeting;
mod headquarters;
mod line;
mod orders;
mod process;
mod shop;
mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::arguments::Common;
use super::context::{Context, Known};
use super::place::client;
use super::progress::Bars;
use super::serve::Door;
use super::{on_runtime, output};
use crate::app::{self, Started};
use crate::config::{self, Config, Sources};
use crate::http::{Role, Tokens};
use crate::packages::{Catalogue, DEFAULT_MODEL, Store};
use crate::sync::Enrolment;
use folder::Folder;
use greeting::Greeting;
use headquarters::Headquarters;
use line::{Broker, Wanted};
use watch::Watch;

/// The name of whatever model answers, which bundles take over.
const ALIAS: &str = "assistant";

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

/// A line on one machine may be tried often, and people watch it.
const WATCHED: [(&str, &str); 4] = [
    ("line.retry_s", "0.5"),
    ("line.max_retry_s", "2"),
    ("line.keep_alive_s", "5"),
    ("line.telemetry_s", "2"),
];

const EXAMPLES: &str = "\
Examples:
  endcap demo
  endcap demo line down                             no broker any more: the store answers on
  endcap demo line up                               what waited arrives at HQ, once
  endcap demo --listen 127.0.0.1:0 --hq-listen 127.0.0.1:0     any free ports
  ENDCAP_TOKEN=my-own-token endcap demo             a token of your choice

While it runs, `endcap hq …`, `endcap status` and the like find it by themselves. Its tokens are valid
for this run only. The first Ctrl-C lets running answers finish; a second one does not.";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Demo {
    #[command(flatten)]
    door: Door,
    /// Where headquarters listens; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8090")]
    hq_listen: SocketAddr,
    /// Serve this package instead of the default one
    #[arg(long, value_name = "NAME", default_value = DEFAULT_MODEL)]
    model: String,
    /// Search by words alone: no encoder is pulled or served
    #[arg(long)]
    words_only: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Cut the line of a running demo, or mend it
    Line {
        /// By ending its broker, or starting one
        wanted: Wanted,
    },
    /// The broker of a demo
    #[command(hide = true)]
    Broker {
        /// Of the loopback address; 0 picks a free one
        port: u16,
    },
}

pub(super) fn run(common: &Common, demo: &Demo) -> anyhow::Result<()> {
    match &demo.part {
        None => demo.run(common),
        Some(Part::Line { wanted }) => on_runtime(line::run(common, *wanted)),
        Some(Part::Broker { port }) => on_runtime(line::serve(*port)),
    }
}

impl Demo {
    fn run(&self, common: &Common) -> anyhow::Result<()> {
        let sources = self.sources(common);
        let config = config::load(&sources)?;
        let token = match sources.token() {
            Some(token) => {
                Tokens::check_chosen(token).context("ENDCAP_TOKEN cannot be the token")?;
                token.to_owned()
            }
            None => random_token()?,
        };
        belongs_to_no_hq(&config.data_dir)?;
        let tokens = Tokens::open(&config.tokens_file())?.with_fixed(&token, Role::Admin, "demo");
        on_runtime(async {
            // Before the pull: a taken port is better told at once than after a download.
            app::check_port(&config).await?;
            is_free(self.hq_listen).await?;
            pull(&config, &self.model).await?;
            // Without it products are found by their words alone.
            if !self.words_only
                && let Err(error) = pull(&config, ENCODER).await
            {
                output::note(&format!("note: search goes by words alone: {error:#}"));
            }
            let served = self.served(&config)?;
            let config = config::load(&sources.with_flag("models.serve", served))?;
            self.serve(common, config, tokens, token).await
        })
    }

    /// The settings, with those of a demo on top.
    fn sources(&self, common: &Common) -> Sources {
        let sources = self.door.over(common.sources()).with_flag("models.serve", &self.model);
        let sources = UNFED.into_iter().fold(sources, |sources, age| sources.with_flag(age, "0"));
        let watched = WATCHED.into_iter();
        watched.fold(sources, |sources, (setting, value)| sources.with_flag(setting, value))
    }

    /// The packages that are there, as the setting has them.
    fn served(&self, config: &Config) -> anyhow::Result<String> {
        let store = Store::open(&config.data_dir)?;
        let encoder = (!self.words_only).then_some(ENCODER);
        let wanted = std::iter::once(self.model.as_str()).chain(encoder);
        let there: Vec<_> = wanted.filter(|model| store.package(model).is_ok()).collect();
        Ok(there.join(","))
    }

    async fn serve(
        &self,
        common: &Common,
        mut config: Config,
        tokens: Tokens,
        token: String,
    ) -> anyhow::Result<()> {
        let folder = Folder::of(&config);
        folder.make()?;
        let broker = Broker::start(&folder).await?;
        let hq = Headquarters::start(&folder, self.hq_listen, &broker.url()).await?;
        let facts = hq.open_shop(&folder, &config).await?;
        headquarters::tell_addresses(&folder, &broker.url(), &hq.known().url)?;
        if config.connector.is_none() {
            config.connector = Some(orders::start().await?);
        }
        config.line.identity = folder.identity();
        config.models.name_also(&self.model, ALIAS);
        let (data_dir, stop) = (config.data_dir.clone(), CancellationToken::new());
        let greeting = Greeting {
            model: self.model.clone(),
            data: common.data.clone(),
            hq: hq.known().clone(),
            broker: broker.url(),
            facts,
        };
        let watch = Watch { broker, hq, data_dir: data_dir.clone() };
        let watched = tokio::spawn(watch.run(stop.clone()));
        let kept = data_dir.clone();
        let served =
            app::run(config, tokens, |started| begin(started, token, greeting, &kept)).await;
        // Only now: the store has said goodbye.
        stop.cancel();
        let _ = watched.await;
        Context::remove(&data_dir);
        Ok(served?)
    }
}

/// Lets commands find the demo, and greets once the shop's facts are there.
fn begin(started: &Started, token: String, greeting: Greeting, data_dir: &Path) {
    let server = Known { url: started.url.clone(), token };
    let context = Context {
        server: Some(server.clone()),
        hq: Some(greeting.hq.clone()),
        ..Context::default()
    };
    if let Err(error) = context.write(data_dir) {
        output::note(&format!("note: commands do not find this demo by themselves: {error:#}"));
    }
    tokio::spawn(async move {
        let arrived = async { shop::arrived(&client(None)?, &server, greeting.facts).await };
        if let Err(error) = arrived.await {
            output::note(&format!("note: the store's facts cannot be counted: {error:#}"));
        }
        // Whoever read the address may have closed the pipe; the server goes on.
        let _ = output::line(&greeting.text(&server));
    });
}

/// A demo would mix its own headquarters' wishes with those of a real one.
fn belongs_to_no_hq(data_dir: &Path) -> anyhow::Result<()> {
    let identity = data_dir.join("identity");
    if let Some(kept) = Enrolment::read(&identity)? {
        bail!(
            "this box is {} of a headquarters, see {}; try the demo over another folder, with --data DIR",
            kept.place,
            identity.display()
        );
    }
    Ok(())
}

async fn is_free(listen: SocketAddr) -> anyhow::Result<()> {
    let bound = tokio::net::TcpListener::bind(listen).await;
    bound.map(drop).with_context(|| {
        format!(
            "headquarters cannot listen on {listen}; --hq-listen 127.0.0.1:0 takes any free port"
        )
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

/// 256 random bits, as text that needs no quoting.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("drawing random bytes for a token")?;
    Ok(format!("demo_{}", URL_SAFE_NO_PAD.encode(bytes)))
}
