//! Bundles that HQ knows: checked once, with every file here, before any box is sent for one.

use schemars::JsonSchema;
use serde::Serialize;

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::documents::Draft;
use super::error::HqError;
use super::registry::require_tenant;
use super::rows::{from_json, int, parsed, to_json, uint};
use super::service::Hq;
use crate::protocol::documents::Bundle;
use crate::protocol::{Blob, Contents, Digest, Label, Target, Text};

/// Bundles of one tenant.
const MAX_BUNDLES: u64 = 10_000;
/// Rows that one page has at most.
const MAX_PAGE: u32 = 500;

/// A bundle that can be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleRow {
    /// By which people know it; one name is one bundle for ever.
    pub id: String,
    /// SHA-256 of its document.
    pub digest: String,
    /// Bytes of its document.
    pub size_bytes: u64,
    /// Bytes of all its files.
    pub files_bytes: u64,
    /// What it consists of, as `kind name`.
    pub parts: Vec<String>,
    /// Seconds of shadow, trial and probation together.
    pub watch_s: u64,
    /// How long after its offer a box may still take it, in seconds.
    pub take_within_s: u64,
    /// Who published it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
}

type Columns = (String, String, i64, i64, String, i64, i64, String, i64);

const COLUMNS: &str =
    "name, digest, size_bytes, files_bytes, parts, watch_s, take_within_s, author, created_ms";

fn bundle_row(row: Columns) -> Result<BundleRow, HqError> {
    let (id, digest, size, files, parts, watch, take_within, author, created) = row;
    Ok(BundleRow {
        id,
        digest,
        size_bytes: uint(size),
        files_bytes: uint(files),
        parts: from_json("a bundle's parts", &parts)?,
        watch_s: uint(watch),
        take_within_s: uint(take_within),
        author,
        created_ms: uint(created),
    })
}

impl Hq {
    /// Makes a bundle known. The same one again is no fault; another one of its name is.
    pub async fn publish_bundle(
        &self,
        actor: &Actor,
        tenant: &Label,
        json: &str,
    ) -> Result<BundleRow, HqError> {
        // A document is the same for everybody; whom it is for stands in no bundle.
        let nobody = Target::Group { tenant: tenant.clone(), group: tenant.clone() };
        let (bundle, draft) = self.bundle_of_json(nobody, json).await?;
        let row = row_of(&bundle, &draft, actor);
        let mut change = self.database.begin().await?;
        require_tenant(&mut change, tenant).await?;
        if let Some(known) = find(&mut change, tenant, &row.id).await? {
            return if known.digest == row.digest {
                Ok(known)
            } else {
                Err(HqError::Taken { what: "bundle of other contents with the id", name: row.id })
            };
        }
        require_room(&mut change, tenant).await?;
        insert(&mut change, tenant, &row, &draft.contents).await?;
        let target = format!("{tenant}/bundles/{}", row.id);
        acts::record(&mut change, actor, "bundle.publish", &target, &row.digest).await?;
        commit(change).await?;
        self.changed();
        Ok(row)
    }

    /// Bundles of a tenant, the newest first; at most 500.
    pub async fn bundles(&self, tenant: &Label, most: u32) -> Result<Vec<BundleRow>, HqError> {
        let select = format!(
            "SELECT {COLUMNS} FROM bundles WHERE tenant = $1
             ORDER BY created_ms DESC, name LIMIT $2"
        );
        let rows: Vec<Columns> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(i64::from(most.min(MAX_PAGE)))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading bundles"))?;
        rows.into_iter().map(bundle_row).collect()
    }
}

fn row_of(bundle: &Bundle, draft: &Draft, actor: &Actor) -> BundleRow {
    let part = |part: &crate::protocol::documents::Part| {
        format!("{} {}", super::rows::word(&part.kind), part.name)
    };
    let trial = &bundle.trial;
    BundleRow {
        id: bundle.id.to_string(),
        digest: draft.digest.to_string(),
        size_bytes: draft.size_bytes,
        files_bytes: bundle.size_bytes(),
        parts: bundle.parts.iter().map(part).collect(),
        watch_s: [trial.shadow_s, trial.trial_s, trial.probation_s].map(u64::from).iter().sum(),
        take_within_s: bundle.requires.take_within_s.into(),
        author: actor.name.clone(),
        created_ms: now().0,
    }
}

/// A bundle by its id or its digest.
pub(super) async fn find(
    change: &mut Transaction,
    tenant: &Label,
    known_as: &str,
) -> Result<Option<BundleRow>, HqError> {
    let select =
        format!("SELECT {COLUMNS} FROM bundles WHERE tenant = $1 AND (name = $2 OR digest = $2)");
    let row: Option<Columns> = sqlx::query_as(&select)
        .bind(tenant.as_str())
        .bind(known_as)
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a bundle"))?;
    row.map(bundle_row).transpose()
}

/// The document of a bundle as it is wanted, for `target`; none where HQ does not have it any more.
pub(super) async fn draft_of(
    change: &mut Transaction,
    tenant: &Label,
    digest: &str,
    target: Target,
) -> Result<Option<Draft>, HqError> {
    // What was wanted without a deployment is known by its pointer only.
    let select = "SELECT digest, size_bytes, path, inline FROM bundles
           WHERE tenant = $1 AND digest = $2
         UNION ALL
         SELECT digest, size_bytes, path, inline FROM desired
           WHERE tenant = $1 AND digest = $2 AND document = 'bundle' LIMIT 1";
    let row: Option<(String, i64, Option<String>, Option<Vec<u8>>)> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(digest)
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a bundle's document"))?;
    let Some((digest, size, path, inline)) = row else { return Ok(None) };
    let contents = match (path, inline) {
        (Some(path), _) => Contents::Path(Text::new(path)?),
        (None, bytes) => Contents::Inline(Blob::new(bytes.unwrap_or_default())?),
    };
    let digest: Digest = parsed("a digest", &digest)?;
    let document = crate::protocol::Document::Bundle;
    let (size_bytes, expires, over) = (uint(size), None, None);
    Ok(Some(Draft { target, document, contents, digest, size_bytes, expires, over }))
}

async fn require_room(change: &mut Transaction, tenant: &Label) -> Result<(), HqError> {
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM bundles WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("counting bundles"))?;
    let found = uint(count) + 1;
    if found > MAX_BUNDLES {
        return Err(HqError::TooMuch { what: "bundles of a tenant", found, most: MAX_BUNDLES });
    }
    Ok(())
}

async fn insert(
    change: &mut Transaction,
    tenant: &Label,
    row: &BundleRow,
    contents: &Contents,
) -> Result<(), HqError> {
    let (path, inline) = match contents {
        Contents::Path(path) => (Some(path.to_string()), None),
        Contents::Inline(bytes) => (None, Some(bytes.to_vec())),
    };
    let insert = "INSERT INTO bundles (tenant, name, digest, size_bytes, path, inline,
           files_bytes, parts, watch_s, take_within_s, author, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(insert)
        .bind(tenant.as_str())
        .bind(&row.id)
        .bind(&row.digest)
        .bind(int(row.size_bytes))
        .bind(path)
        .bind(inline)
        .bind(int(row.files_bytes))
        .bind(to_json("a bundle's parts", &row.parts)?)
        .bind(int(row.watch_s))
        .bind(int(row.take_within_s))
        .bind(&row.author)
        .bind(int(row.created_ms))
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a bundle"))?;
    Ok(())
}
