//! A node gets its next certificate, with a new key if it wants, by its token and its old key.

use super::authority::{Checked, Issued};
use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::rows::int;
use crate::hq::service::Hq;
use crate::hq::users::{Role, digest, token};
use crate::identity::Identity;
use crate::protocol::{Digest, Place};

const WRONG_KEY: HqError =
    HqError::Untrusted("the proof is not made with the node's key for this request");

impl Hq {
    /// Renews the certificate of a node that showed its token. The proof names the request, so it
    /// serves for no other one.
    pub async fn renew(
        &self,
        place: &Place,
        request: &str,
        proof: &str,
    ) -> Result<Identity, HqError> {
        let checked = Checked::parse("request", request)?;
        let proof = Checked::parse("proof", proof)?;
        if proof.name() != Some(Digest::of(request.as_bytes()).to_string().as_str()) {
            return Err(WRONG_KEY);
        }
        let mut change = self.database.begin().await?;
        if !known_keys(&mut change, place).await?.contains(&proof.key().to_string()) {
            return Err(WRONG_KEY);
        }
        let issued = self.authority.issue(place, &checked, now(), self.config.certificate_life)?;
        let token = keep_next(&mut change, place, &issued).await?;
        let actor = Actor { name: place.to_string(), role: Role::Viewer };
        acts::record(&mut change, &actor, "node.renew", &place.to_string(), "").await?;
        commit(change).await?;
        self.changed();
        self.identity(place, issued, token).await
    }
}

/// The node's key, and the one of a renewal of which it may not have heard.
async fn known_keys(change: &mut Transaction, place: &Place) -> Result<Vec<String>, HqError> {
    let select = "SELECT public_key, next_public_key FROM nodes WHERE place = $1";
    let row: Option<(Option<String>, Option<String>)> = sqlx::query_as(select)
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading a node's key"))?;
    Ok(row.into_iter().flat_map(|(key, next)| [key, next]).flatten().collect())
}

/// Keeps the renewed key beside the old one until the node shows that it has it; gives its token.
async fn keep_next(
    change: &mut Transaction,
    place: &Place,
    issued: &Issued,
) -> Result<String, HqError> {
    let token = token("enode")?;
    let update = "UPDATE nodes SET next_public_key = $2, next_token = $3,
           certificate_until_ms = $4
         WHERE place = $1";
    sqlx::query(update)
        .bind(place.to_string())
        .bind(issued.key.to_string())
        .bind(digest(&token))
        .bind(int(issued.until.0))
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a node's key"))?;
    Ok(token)
}
