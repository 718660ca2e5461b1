//! `endcap hq cache`: packs of answers.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::{Body, Method};
use serde_json::{Map, Value, json};
use tokio_util::io::ReaderStream;

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;
use crate::protocol::documents::ArtefactBuilder;
use crate::units::Bytes;

/// A source may be large and the line slow.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);

const EXAMPLES: &str = "\
Examples:
  endcap cache export copy.pack --routes copy         on the box that made the answers
  endcap hq cache publish copy.pack --name copy --all
  endcap hq cache list
  endcap hq cache roll-back --store store-1";

/// What is done with packs of answers.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) enum CacheCommand {
    /// Make a pack of an exported file, and want it where it is to be
    Publish {
        /// What `endcap cache export` wrote
        file: PathBuf,
        /// What it is called; versions of one pack have one name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        aim: Aim,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Want a pack that was made before, by its number
    Want {
        /// Its number
        epoch: u64,
        #[command(flatten)]
        aim: Aim,
        #[command(flatten)]
        place: HqPlace,
    },
    /// List packs, the newest first
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Want the pack before again; none where there was none
    RollBack {
        #[command(flatten)]
        aim: Aim,
        #[command(flatten)]
        place: HqPlace,
    },
}

/// Where it is to be: one of these. A pack may be published without, to be wanted later.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct Aim {
    /// At a box, as store/box
    #[arg(long = "box", value_name = "STORE/BOX", group = "aim")]
    node: Option<String>,
    /// At a group of boxes
    #[arg(long, value_name = "NAME", group = "aim")]
    group: Option<String>,
    /// At every box of a store
    #[arg(long, value_name = "NAME", group = "aim")]
    store: Option<String>,
    /// At every box
    #[arg(long, group = "aim")]
    all: bool,
    /// Only over this version of the box's or group's cache document, 0 for none
    #[arg(long, value_name = "VERSION")]
    over: Option<u64>,
}

impl Aim {
    fn body(&self, place: &HqPlace) -> Option<Value> {
        let target = self.node.as_ref().or(self.group.as_ref()).map(|name| place.target(name));
        let fields = [
            ("target", target.map(Value::String)),
            ("store", self.store.clone().map(Value::String)),
            ("all", self.all.then_some(Value::Bool(true))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let mut body: Map<_, _> = given.collect();
        if body.is_empty() {
            return None;
        }
        body.extend(self.over.map(|over| ("over".to_owned(), over.into())));
        Some(Value::Object(body))
    }

    fn needed(&self, place: &HqPlace) -> anyhow::Result<Value> {
        self.body(place).context("name one of --box, --group, --store and --all")
    }
}

impl CacheCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Publish { file, name, aim, place } => publish(&file, &name, &aim, &place).await,
            Self::Want { epoch, aim, place } => want(epoch, aim.needed(&place)?, &place).await,
            Self::List { json, place } => list(json, &place).await,
            Self::RollBack { aim, place } => {
                let body = aim.needed(&place)?;
                let path = place.path("packs/roll-back");
                tell(&place.ask(Method::POST, &path, Some(body)).await?)
            }
        }
    }
}

async fn publish(file: &Path, name: &str, aim: &Aim, place: &HqPlace) -> anyhow::Result<()> {
    let aimed = aim.body(place);
    let shown = file.display();
    let source = digest_of(file)?;
    let opened = tokio::fs::File::open(file).await.with_context(|| format!("reading {shown}"))?;
    let body = Body::wrap_stream(ReaderStream::new(opened));
    let send = |request: reqwest::RequestBuilder| request.timeout(TIMEOUT).body(body);
    let sent = place.send(Method::PUT, &format!("/artefacts/{source}"), send).await;
    sent.with_context(|| format!("sending {shown}"))?;
    let body = json!({ "name": name, "source": source });
    let pack = place.ask(Method::POST, &place.path("packs"), Some(body)).await?;
    output::line(&row(&pack))?;
    match aimed {
        Some(aimed) => want(number(&pack, "epoch"), aimed, place).await,
        None => Ok(()),
    }
}

async fn want(epoch: u64, body: Value, place: &HqPlace) -> anyhow::Result<()> {
    let path = place.path(&format!("packs/{epoch}/want"));
    tell(&place.ask(Method::POST, &path, Some(body)).await?)
}

async fn list(as_json: bool, place: &HqPlace) -> anyhow::Result<()> {
    let answer = place.ask(Method::GET, &place.path("packs"), None).await?;
    if as_json {
        return output::json(&rows(&answer, "data"));
    }
    for pack in rows(&answer, "data") {
        output::line(&row(pack))?;
    }
    Ok(())
}

fn tell(answer: &Value) -> anyhow::Result<()> {
    for wanted in rows(answer, "data") {
        let (target, version) = (text(wanted, "target"), number(wanted, "version"));
        let pack = match wanted.get("epoch").and_then(Value::as_u64) {
            Some(epoch) => format!("pack {epoch}"),
            None => "no pack".to_owned(),
        };
        output::line(&format!("{pack} for {target}, cache version {version}"))?;
    }
    Ok(())
}

fn row(pack: &Value) -> String {
    let contents = pack.get("contents").and_then(Value::as_object).into_iter().flatten();
    let contents: Vec<_> = contents.map(|(kind, count)| format!("{kind} {count}")).collect();
    let delta = pack.get("delta_bytes").and_then(Value::as_u64);
    let delta = delta.map_or_else(String::new, |bytes| format!(", {} as a delta", Bytes(bytes)));
    format!(
        "pack {}  {}  {} answers, {}{delta}  wanted at {}  {}  [{}]",
        number(pack, "epoch"),
        text(pack, "name"),
        number(pack, "answers"),
        Bytes(number(pack, "whole_bytes")),
        number(pack, "wanted"),
        ago(number(pack, "at_ms")),
        contents.join(", "),
    )
}

fn digest_of(file: &Path) -> anyhow::Result<String> {
    let reading = || format!("reading {}", file.display());
    let mut opened = std::fs::File::open(file).with_context(reading)?;
    let mut builder = ArtefactBuilder::default();
    std::io::copy(&mut opened, &mut builder).with_context(reading)?;
    Ok(builder.finish()?.digest.to_string())
}
