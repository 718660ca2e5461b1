//! Claims: one box of one store may enrol, once, for a while.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::authority::{Checked, Issued};
use super::shown::Shown;
use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::key_file::random;
use crate::hq::registry::insert_node;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::hq::users::{Role, digest, token};
use crate::identity::Identity;
use crate::protocol::{Digest, Label, Place, to_hex};

/// The longest time that a claim may wait.
const MAX_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;
/// Claims that are shown.
const MAX_PAGE: i64 = 500;

/// A claim that was just made; the token is shown this once.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Claim {
    /// Names it in lists.
    pub id: String,
    /// What the box shows; not kept anywhere.
    pub token: String,
    /// Until when it works, in milliseconds since 1970.
    pub expires_ms: u64,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A claim as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClaimRow {
    /// Its name.
    pub id: String,
    /// Which box it is for: `tenant/store/node`.
    pub place: String,
    /// Who made it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
    /// Until when it works.
    pub expires_ms: u64,
    /// When a box used it.
    pub used_ms: Option<u64>,
}

impl Hq {
    /// Makes a claim for a box of a store that is there.
    pub async fn add_claim(
        &self,
        actor: &Actor,
        place: &Place,
        life_ms: u64,
    ) -> Result<Claim, HqError> {
        if !(1..=MAX_LIFE_MS).contains(&life_ms) {
            let what = "milliseconds that a claim waits";
            return Err(HqError::TooMuch { what, found: life_ms, most: MAX_LIFE_MS });
        }
        self.registry().store(&place.tenant, &place.store).await?;
        let (now, token) = (now(), token("ecl")?);
        let id = format!("clm_{}", to_hex(&random::<6>()?));
        let mut change = self.database.begin().await?;
        let revoked = "SELECT 1 FROM nodes WHERE place = $1 AND revoked_ms IS NOT NULL";
        let revoked = sqlx::query(revoked).bind(place.to_string()).fetch_optional(&mut *change);
        if revoked.await.map_err(HqError::database("looking for a revoked node"))?.is_some() {
            return Err(HqError::Revoked(place.clone()));
        }
        let insert = "INSERT INTO claims
             (id, token, tenant, store, node, created_ms, expires_ms, author)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        sqlx::query(insert)
            .bind(&id)
            .bind(digest(&token))
            .bind(place.tenant.as_str())
            .bind(place.store.as_str())
            .bind(place.node.as_str())
            .bind(int(now.0))
            .bind(int(now.plus(life_ms).0))
            .bind(&actor.name)
            .execute(&mut *change)
            .await
            .map_err(HqError::database("writing a claim"))?;
        acts::record(&mut change, actor, "claim.add", &place.to_string(), &id).await?;
        commit(change).await?;
        Ok(Claim { id, token, expires_ms: now.plus(life_ms).0 })
    }

    /// Claims of a tenant, the newest first.
    pub async fn claims(&self, tenant: &Label) -> Result<Vec<ClaimRow>, HqError> {
        let select = "SELECT id, tenant || '/' || store || '/' || node, author, created_ms,
               expires_ms, used_ms
             FROM claims WHERE tenant = $1 ORDER BY created_ms DESC, id LIMIT $2";
        type Columns = (String, String, String, i64, i64, Option<i64>);
        let rows: Vec<Columns> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(MAX_PAGE)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading claims"))?;
        let row = |(id, place, author, created, expires, used): Columns| ClaimRow {
            id,
            place,
            author,
            created_ms: uint(created),
            expires_ms: uint(expires),
            used_ms: used.map(uint),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// A box with a claim becomes a node. The claim is used up in the same change; the same box, which
    /// has the same key, may repeat it where the answer was lost.
    pub async fn enrol(&self, claim: &str, request: &str) -> Result<Identity, HqError> {
        let checked = Checked::parse("request", request)?;
        // Looked at before the claim is used up: a box that cannot be told where its broker is would
        // have to be let in again by somebody at HQ.
        if self.config.node_broker.is_none() {
            return Err(HqError::NoBroker);
        }
        let mut change = self.database.begin().await?;
        let place = use_claim(&mut change, claim, checked.key()).await?;
        insert_node(&mut change, &place).await?;
        let issued = self.authority.issue(&place, &checked, now(), self.config.certificate_life)?;
        let token = keep_identity(&mut change, &place, &issued).await?;
        let actor = Actor { name: place.to_string(), role: Role::Viewer };
        acts::record(&mut change, &actor, "node.enrol", &place.to_string(), "").await?;
        commit(change).await?;
        self.changed();
        self.identity(&place, issued, token).await
    }

    pub(super) async fn identity(
        &self,
        place: &Place,
        issued: Issued,
        token: String,
    ) -> Result<Identity, HqError> {
        let groups = self.registry().groups_of(place).await?;
        let [(_, director), (_, facts)] = self.director.public();
        Ok(Identity {
            place: place.to_string(),
            certificate: issued.pem,
            certificate_until_ms: issued.until.0,
            authority: self.authority.certificate().to_owned(),
            broker: self.config.node_broker.clone(),
            token,
            director_key: to_hex(director.as_bytes()),
            facts_key: to_hex(facts.as_bytes()),
            groups: groups.iter().map(Label::to_string).collect(),
            catalogues: self.catalogue_names(&place.tenant).await?,
        })
    }

    /// The node whose token this is; refused where its certificate was to come with it and did not. The
    /// first use of a renewed token makes the old one worthless.
    pub async fn node_of(&self, token: &str, shown: Shown<'_>) -> Result<Option<Place>, HqError> {
        let digest = digest(token);
        let select = "SELECT place, token, public_key, next_public_key FROM nodes
             WHERE token = $1 OR next_token = $1";
        type Columns = (String, Option<String>, Option<String>, Option<String>);
        let row: Option<Columns> = sqlx::query_as(select)
            .bind(&digest)
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("looking for a node"))?;
        let Some((place, kept, key, next_key)) = row else { return Ok(None) };
        let place: Place = parsed("a place", &place)?;
        if let Err(error) = shown.check(&place, &[key, next_key]) {
            tracing::warn!(%place, %error, "a node was not let in");
            return Err(error);
        }
        if kept.as_ref() != Some(&digest) {
            self.take_up_renewal(&digest).await?;
        }
        Ok(Some(place))
    }

    async fn take_up_renewal(&self, digest: &str) -> Result<(), HqError> {
        let update = "UPDATE nodes SET token = next_token, public_key = next_public_key,
               next_token = NULL, next_public_key = NULL
             WHERE next_token = $1";
        let mut change = self.database.begin().await?;
        sqlx::query(update)
            .bind(digest)
            .execute(&mut *change)
            .await
            .map_err(HqError::database("taking up a renewed key"))?;
        commit(change).await
    }
}

async fn use_claim(change: &mut Transaction, token: &str, key: Digest) -> Result<Place, HqError> {
    let update = "UPDATE claims SET used_ms = coalesce(used_ms, $2), public_key = $3
         WHERE token = $1 AND expires_ms > $2 AND (used_ms IS NULL OR public_key = $3)
         RETURNING tenant || '/' || store || '/' || node";
    let row: Option<(String,)> = sqlx::query_as(update)
        .bind(digest(token))
        .bind(int(now().0))
        .bind(key.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("using a claim"))?;
    let (place,) = row.ok_or(HqError::Untrusted(
        "the claim is not known, was used already, or has expired; make a new one at HQ",
    ))?;
    parsed("a place", &place)
}

/// Keeps what tells the node again; gives its token.
async fn keep_identity(
    change: &mut Transaction,
    place: &Place,
    issued: &Issued,
) -> Result<String, HqError> {
    let token = token("enode")?;
    let update = "UPDATE nodes SET public_key = $2, certificate_until_ms = $3, token = $4,
           next_token = NULL, next_public_key = NULL, revoked_ms = NULL
         WHERE place = $1";
    sqlx::query(update)
        .bind(place.to_string())
        .bind(issued.key.to_string())
        .bind(int(issued.until.0))
        .bind(digest(&token))
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a node's key"))?;
    Ok(token)
}
