//! `endcap hq audit` and `endcap hq user`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;
use crate::hq::{Actor, Hq, HqConfig, Role};

/// Arguments of `hq audit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
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

impl Audit {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
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
}

impl Audit {
    async fn verify(&self) -> anyhow::Result<()> {
        let path = self.place.path(&format!("audit-proofs?limit={}", self.limit));
        let answer = self.place.ask(Method::GET, &path, None).await?;
        let proofs = rows(&answer, "data");
        if self.json {
            output::json(&proofs)?;
        }
        let mut wrong = 0;
        for proof in proofs {
            let fault = proof.get("fault").and_then(serde_json::Value::as_str);
            wrong += usize::from(fault.is_some());
            if self.json {
                continue;
            }
            let (place, entries) = (text(proof, "place"), number(proof, "entries"));
            let (first, last) = (number(proof, "first"), number(proof, "last"));
            let found = fault.unwrap_or("as HQ signed it");
            let loose = match number(proof, "loose_blocks") {
                0 => String::new(),
                loose => format!(", {loose} blocks beside it"),
            };
            let told = format!("{place}  {entries} entries, {first} to {last}{loose}: {found}");
            output::line(&told)?;
        }
        if wrong > 0 {
            bail!("{wrong} audit logs are not as HQ signed them");
        }
        Ok(())
    }
}

/// What is done with users.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UserCommand {
    /// Make a user; the token is printed once and kept as a digest only
    Add {
        /// For people; stands beside every act
        name: String,
        /// viewer, operator, approver or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// In the folder of an HQ on this machine, instead of asking one
        #[arg(long, value_name = "DIR")]
        at: Option<PathBuf>,
        #[command(flatten)]
        place: HqPlace,
    },
    /// List the users
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Make a user's token worthless
    Revoke {
        /// The user's id, as `list` shows it
        id: String,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl UserCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add { name, role, at: Some(folder), .. } => {
                let hq = Hq::open_made(HqConfig::new(folder)).await?;
                let made = hq.add_user(&Actor::local(), &name, role).await?;
                output::note(&format!("{} ({role}); the token is shown this once:", made.id));
                Ok(output::line(&made.token)?)
            }
            Self::Add { name, role, at: None, place } => {
                let body = json!({ "name": name, "role": role });
                let made = place.ask(Method::POST, "/hq/v1/users", Some(body)).await?;
                let id = text(&made, "id");
                output::note(&format!("{id} ({role}); the token is shown this once:"));
                Ok(output::line(text(&made, "token"))?)
            }
            Self::List { json, place } => {
                let answer = place.ask(Method::GET, "/hq/v1/users", None).await?;
                if json {
                    return output::json(&rows(&answer, "data"));
                }
                for user in rows(&answer, "data") {
                    let (id, role, name) =
                        (text(user, "id"), text(user, "role"), text(user, "name"));
                    output::line(&format!("{id}  {role:8}  {name}"))?;
                }
                Ok(())
            }
            Self::Revoke { id, place } => {
                place.ask(Method::DELETE, &format!("/hq/v1/users/{id}"), None).await?;
                output::note(&format!("{id} is revoked"));
                Ok(())
            }
        }
    }
}
