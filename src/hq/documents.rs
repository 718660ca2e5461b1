//! What is wanted of each document, and what is reported of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::error::HqError;
use super::floors::last_version;
use super::ingest::Outgoing;
use super::registry::members;
use super::rows::{from_json, int, parsed, uint};
use super::service::Hq;
use crate::protocol::limits::MAX_INLINE_BYTES;
use crate::protocol::{
    Blob, Contents, Digest, Document, Label, Message, NodeTopic, Place, Pointer, Reported, Target,
    Text, Topic, UnixMillis,
};

/// Boxes of a group that are told one by one, so that those hear of it, too, that do not know yet that
/// they belong to it. Larger groups are told once; the rest hear of it when they ask.
const MAX_TOLD_SINGLY: usize = 256;
/// Rows that one page has at most.
const MAX_PAGE: u32 = 500;

/// A document that is to be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// For whom.
    pub target: Target,
    /// Which document.
    pub document: Document,
    /// Its bytes, or where they are.
    pub contents: Contents,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub size_bytes: u64,
    /// From when on it must not be installed.
    pub expires: Option<UnixMillis>,
    /// The version that its author saw at this target, 0 for none; the document is not set over another.
    pub over: Option<u64>,
}

impl Draft {
    /// A document that is carried by its pointer.
    pub fn inline(target: Target, document: Document, bytes: Vec<u8>) -> Result<Self, HqError> {
        if bytes.len() > MAX_INLINE_BYTES {
            return Err(HqError::TooMuch {
                what: "bytes of a document that is not an artefact",
                found: bytes.len() as u64,
                most: MAX_INLINE_BYTES as u64,
            });
        }
        let (digest, size_bytes) = (Digest::of(&bytes), bytes.len() as u64);
        let contents = Contents::Inline(Blob::new(bytes)?);
        Ok(Self { target, document, contents, digest, size_bytes, expires: None, over: None })
    }
}

/// One version of a wanted document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DesiredRow {
    /// Which document.
    pub document: String,
    /// Its version; ascends over all of a tenant's targets.
    pub version: u64,
    /// For whom: `tenant/store/node`, `tenant/grp/group`, the boxes of `deployment:N`, or `tenant/*` for
    /// every box.
    pub target: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// How many there are.
    pub size_bytes: u64,
    /// When it was wanted, in milliseconds since 1970.
    pub issued_ms: u64,
    /// From when on it must not be installed.
    pub expires_ms: Option<u64>,
    /// Who wanted it.
    pub author: String,
}

/// What a node made of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportedRow {
    /// The node.
    pub place: String,
    /// Which document.
    pub document: String,
    /// The newest version that the node knows of.
    pub desired: Option<u64>,
    /// How far the node is with it.
    pub stage: String,
    /// The version that was last put into effect.
    pub applied: Option<u64>,
    /// What is found running.
    pub observed: Option<String>,
    /// When it was looked at, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why not, for programs and for people.
    pub failure: Option<(String, String)>,
    /// Who laid something over it in the store, why, and until when.
    pub local: Option<(String, String, u64)>,
}

type DesiredColumns =
    (String, i64, String, String, i64, i64, Option<i64>, String, Option<String>, Option<Vec<u8>>);

const DESIRED_COLUMNS: &str = "document, version, target, digest, size_bytes, issued_ms,
     expires_ms, author, path, inline";

fn desired_row(row: DesiredColumns) -> DesiredRow {
    let (document, version, target, digest, size, issued, expires, author, ..) = row;
    DesiredRow {
        document,
        version: uint(version),
        target,
        digest,
        size_bytes: uint(size),
        issued_ms: uint(issued),
        expires_ms: expires.map(uint),
        author,
    }
}

/// The pointer of a row, for one target.
fn pointer(target: Target, row: DesiredColumns) -> Result<Pointer, HqError> {
    let (document, version, _, digest, size, issued, expires, _, path, inline) = row;
    let contents = match (path, inline) {
        (Some(path), _) => Contents::Path(Text::new(path)?),
        (None, bytes) => Contents::Inline(Blob::new(bytes.unwrap_or_default())?),
    };
    Ok(Pointer {
        target,
        document: parsed("a document", &document)?,
        version: uint(version),
        digest: parsed("a digest", &digest)?,
        size_bytes: uint(size),
        contents,
        issued: UnixMillis(uint(issued)),
        expires: expires.map(|at| UnixMillis(uint(at))),
    })
}

/// The newest version of each document that is wanted of a node, whether for itself, for one of its
/// groups or for every box; what has expired is left out.
pub(super) async fn newest_for(
    change: &mut Transaction,
    place: &Place,
    now: UnixMillis,
) -> Result<Vec<Pointer>, HqError> {
    // Targets name their tenant, so the inner query finds all of it in one index.
    let select = format!(
        "SELECT {DESIRED_COLUMNS} FROM desired JOIN (
           SELECT document AS kind, max(version) AS newest FROM desired WHERE target IN (
             SELECT CAST($2 AS TEXT) UNION ALL SELECT CAST($1 AS TEXT) || '/*' UNION ALL
             SELECT tenant || '/grp/' || grp FROM members WHERE place = $2)
           GROUP BY document) last
         ON tenant = $1 AND document = kind AND version = newest"
    );
    let rows: Vec<DesiredColumns> = sqlx::query_as(&select)
        .bind(place.tenant.as_str())
        .bind(place.to_string())
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("reading what a node is to have"))?;
    let of = |row| pointer(Target::Node(place.clone()), row);
    let mut pointers = rows.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    let holds = |pointer: &Pointer| pointer.expires.is_none_or(|expires| now < expires);
    pointers.retain(holds);
    if let Some(wish) = wish_for(change, place).await?.filter(holds) {
        let newer =
            |other: &Pointer| other.document == wish.document && other.version > wish.version;
        if !pointers.iter().any(newer) {
            pointers.retain(|other| other.document != wish.document);
            pointers.push(wish);
        }
    }
    Ok(pointers)
}

/// What deployments want of a node.
pub(super) async fn wish_for(
    change: &mut Transaction,
    place: &Place,
) -> Result<Option<Pointer>, HqError> {
    let select = "SELECT d.document, d.version, d.target, d.digest, d.size_bytes, d.issued_ms,
           w.until_ms, d.author, d.path, d.inline
         FROM wishes w JOIN desired d
           ON d.tenant = $1 AND d.document = 'bundle' AND d.version = w.version
         WHERE w.place = $2";
    let row: Option<DesiredColumns> = sqlx::query_as(select)
        .bind(place.tenant.as_str())
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading what deployments want of a node"))?;
    row.map(|row| pointer(Target::Node(place.clone()), row)).transpose()
}

impl Hq {
    /// Wants a version of a document: gives it the next number, and tells those it is for.
    pub async fn publish(&self, actor: &Actor, draft: Draft) -> Result<u64, HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        let places = members(&mut change, &draft.target).await?;
        let tenant = match &draft.target {
            Target::Node(place) => place.tenant.clone(),
            Target::Group { tenant, .. } => tenant.clone(),
        };
        require_version(&mut change, &draft).await?;
        let version = next_version(&mut change, &tenant, draft.document).await?;
        let (target, document) = (draft.target.to_string(), draft.document);
        insert(&mut change, &tenant, version, &target, &draft, now, &actor.name).await?;
        let told = format!("{document} version {version}, {}", draft.digest);
        acts::record(&mut change, actor, "document.publish", &target, &told).await?;
        commit(change).await?;
        self.changed();
        let Draft { target, contents, digest, size_bytes, expires, .. } = draft;
        let pointer = Pointer {
            target,
            document,
            version,
            digest,
            size_bytes,
            contents,
            issued: now,
            expires,
        };
        self.tell(&pointer, &places, now)?;
        Ok(version)
    }

    fn tell(&self, pointer: &Pointer, places: &[Place], now: UnixMillis) -> Result<(), HqError> {
        let document = pointer.document;
        if let Target::Group { tenant, group } = &pointer.target {
            let (tenant, group) = (tenant.clone(), group.clone());
            let message = Message::Desired(self.director.sign(pointer)?);
            let topic = Topic::Group { tenant, group, document }.to_string();
            let payload = self.clock.envelope(&message, now)?.to_bytes()?;
            self.say([Outgoing { topic, payload, retain: true }]);
        }
        if places.len() <= MAX_TOLD_SINGLY {
            for place in places {
                let own = Pointer { target: Target::Node(place.clone()), ..pointer.clone() };
                self.say([self.desired_message(place, &own, now)?]);
            }
        }
        Ok(())
    }

    pub(super) fn desired_message(
        &self,
        place: &Place,
        pointer: &Pointer,
        now: UnixMillis,
    ) -> Result<Outgoing, HqError> {
        let message = Message::Desired(self.director.sign(pointer)?);
        let envelope = self.clock.envelope(&message, now)?;
        Outgoing::to_node(place, NodeTopic::Desired(pointer.document), &envelope)
    }

    /// The newest version at each target of a tenant, newest first; at most 500.
    pub async fn desired(&self, tenant: &Label) -> Result<Vec<DesiredRow>, HqError> {
        let select = format!(
            "SELECT {DESIRED_COLUMNS} FROM desired WHERE tenant = $1 AND version = (
               SELECT max(version) FROM desired same WHERE same.tenant = desired.tenant
                 AND same.document = desired.document AND same.target = desired.target)
             ORDER BY issued_ms DESC, version DESC LIMIT $2"
        );
        let rows: Vec<DesiredColumns> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(i64::from(MAX_PAGE))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading desired documents"))?;
        Ok(rows.into_iter().map(desired_row).collect())
    }

    /// What is wanted of a node, for itself or for one of its groups.
    pub async fn desired_of(&self, place: &Place) -> Result<Vec<Pointer>, HqError> {
        let mut reading = self.database.read().await?;
        newest_for(&mut reading, place, now()).await
    }

    /// What the nodes of a store have made of their documents.
    pub async fn reported(
        &self,
        tenant: &Label,
        store: &str,
    ) -> Result<BTreeMap<String, Vec<ReportedRow>>, HqError> {
        let select = "SELECT r.place, r.body FROM reported r JOIN nodes n ON n.place = r.place
             WHERE n.tenant = $1 AND n.store = $2 ORDER BY r.place, r.document";
        let rows: Vec<(String, String)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(store)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading reported documents"))?;
        let mut all: BTreeMap<String, Vec<ReportedRow>> = BTreeMap::new();
        for (place, body) in rows {
            let row = reported_row(place.clone(), &body)?;
            all.entry(place).or_default().push(row);
        }
        Ok(all)
    }
}

pub(super) fn reported_row(place: String, body: &str) -> Result<ReportedRow, HqError> {
    let reported: Reported = from_json("a reported document", body)?;
    let failure = reported.failure.map(|f| (f.code.to_string(), f.text.to_string()));
    let local = reported.local.map(|l| (l.owner.to_string(), l.reason.to_string(), l.until.0));
    Ok(ReportedRow {
        place,
        document: reported.document.to_string(),
        desired: reported.desired,
        stage: super::rows::word(&reported.stage),
        applied: reported.applied.map(|applied| applied.version),
        observed: reported.observed.map(|digest| digest.to_string()),
        at_ms: reported.at.0,
        failure,
        local,
    })
}

async fn require_version(change: &mut Transaction, draft: &Draft) -> Result<(), HqError> {
    let Some(expected) = draft.over else { return Ok(()) };
    let select =
        "SELECT coalesce(max(version), 0) FROM desired WHERE target = $1 AND document = $2";
    let (found,): (i64,) = sqlx::query_as(select)
        .bind(draft.target.to_string())
        .bind(draft.document.as_str())
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("reading a version"))?;
    let found = uint(found);
    if found != expected {
        let (document, target) = (draft.document.to_string(), draft.target.to_string());
        return Err(HqError::Overtaken { document, target, found, expected });
    }
    Ok(())
}

/// The number that the next version of a document gets.
pub(super) async fn next_version(
    change: &mut Transaction,
    tenant: &Label,
    document: Document,
) -> Result<u64, HqError> {
    Ok(last_version(change, tenant, document).await? + 1)
}

/// Writes a version down; `target` says for whom in HQ's own words.
pub(super) async fn insert(
    change: &mut Transaction,
    tenant: &Label,
    version: u64,
    target: &str,
    draft: &Draft,
    now: UnixMillis,
    author: &str,
) -> Result<(), HqError> {
    let (path, inline) = match &draft.contents {
        Contents::Path(path) => (Some(path.to_string()), None),
        Contents::Inline(bytes) => (None, Some(bytes.to_vec())),
    };
    let insert = "INSERT INTO desired (tenant, document, version, target, digest, size_bytes,
           path, inline, issued_ms, expires_ms, author)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    sqlx::query(insert)
        .bind(tenant.as_str())
        .bind(draft.document.as_str())
        .bind(int(version))
        .bind(target)
        .bind(draft.digest.to_string())
        .bind(int(draft.size_bytes))
        .bind(path)
        .bind(inline)
        .bind(int(now.0))
        .bind(draft.expires.map(|at| int(at.0)))
        .bind(author)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a desired document"))?;
    Ok(())
}
