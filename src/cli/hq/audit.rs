//! `endcap hq audit`: what people did at HQ, and whether boxes' audit logs are as they were.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{HqPlace, ago, number, rows, text, value_of};
use crate::cli::output;

/// Boxes whose logs are followed by one request.
const BOXES: usize = 50;

/// Arguments of `hq audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// Acts at most, 1 to 500
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// As one JSON array
    #[arg(long)]
    json: bool,
    /// Follow boxes' audit logs to the heads that HQ signed; fails where one is not as it was
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    place: HqPlace,
}

/// What is done about a box's audit log.
#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show the heads of a box's chain of generated answers, as its audit log tells them; for `endcap audit
    /// verify --heads`
    Answers {
        /// The box, as store/box
        node: String,
        /// Heads at most, 1 to 500
        #[arg(long, default_value_t = 500)]
        limit: u32,
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Let another chain begin for a box with another disk; the one before is kept and verified as it was
    Begin {
        /// The box, as store/box
        node: String,
        /// Why; stands beside the act
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl Audit {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Some(AuditCommand::Begin { node, reason, place }) => {
                return begin(&place, &node, &reason).await;
            }
            Some(AuditCommand::Answers { node, limit, json, place }) => {
                return answers(&place, &node, limit, json).await;
            }
            None => {}
        }
        if self.verify {
            return self.verify().await;
        }
        let path = format!("/hq/v1/acts?limit={}", self.limit);
        let answer = self.place.ask(Method::GET, &path, None).await?;
        if self.json {
            return output::json(&rows(&answer, "data"));
        }
        for act in rows(&answer, "data") {
            let (who, did, target) = (text(act, "who"), text(act, "act"), text(act, "target"));
            let (when, details) = (ago(number(act, "at_ms")), text(act, "details"));
            output::line(&format!("{when:12}  {who:16}  {did:18}  {target}  {details}"))?;
        }
        Ok(())
    }

    async fn verify(&self) -> anyhow::Result<()> {
        let (mut proofs, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("audit-proofs?limit={BOXES}&after={}", value_of(&after));
            let answer = self.place.ask(Method::GET, &self.place.path(&path), None).await?;
            let Some(last) = rows(&answer, "data").last() else { break };
            after = text(last, "place").to_owned();
            proofs.extend_from_slice(rows(&answer, "data"));
        }
        if self.json {
            output::json(&proofs)?;
        } else {
            proofs.iter().try_for_each(|proof| output::line(&told(proof)))?;
        }
        match proofs.iter().filter(|proof| fault(proof).is_some()).count() {
            0 => Ok(()),
            wrong => bail!("{wrong} audit logs are not as HQ signed them"),
        }
    }
}

async fn begin(place: &HqPlace, node: &str, reason: &str) -> anyhow::Result<()> {
    let (store, name) = node.split_once('/').context("a box is named as store/box")?;
    let path = place.at(&["stores", store, "nodes", name, "audit-chains"])?;
    let answer = place.ask(Method::POST, &path, Some(json!({ "reason": reason }))).await?;
    Ok(output::line(&format!("{node} goes on with chain {}", number(&answer, "chain")))?)
}

async fn answers(place: &HqPlace, node: &str, limit: u32, json: bool) -> anyhow::Result<()> {
    let (store, name) = node.split_once('/').context("a box is named as store/box")?;
    let path = place.at(&["stores", store, "nodes", name, "answers-heads"])?;
    let answer = place.ask(Method::GET, &format!("{path}?limit={limit}"), None).await?;
    if json {
        return output::json(&rows(&answer, "data"));
    }
    for head in rows(&answer, "data") {
        let (when, entries) = (ago(number(head, "told_ms")), number(head, "entries"));
        output::line(&format!("{when:12}  {entries:8}  {}", text(head, "head")))?;
    }
    Ok(())
}

fn fault(proof: &Value) -> Option<&str> {
    proof.get("fault").and_then(Value::as_str)
}

fn told(proof: &Value) -> String {
    let (place, entries) = (text(proof, "place"), number(proof, "entries"));
    let (first, last) = (number(proof, "first"), number(proof, "last"));
    let chain = match number(proof, "chain") {
        1 => String::new(),
        chain => format!(" chain {chain}"),
    };
    let found = fault(proof).unwrap_or("as HQ signed it");
    let loose = match number(proof, "loose_blocks") {
        0 => String::new(),
        loose => format!(", {loose} blocks beside it"),
    };
    format!("{place}{chain}  {entries} entries, {first} to {last}{loose}: {found}")
}
