//! At which boxes a pack is wanted, and how it is taken back.

use schemars::JsonSchema;
use serde::Serialize;

use super::PackRow;
use crate::hq::acts::Actor;
use crate::hq::documents::Draft;
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::documents::{Artefact, PackIndex};
use crate::protocol::{Document, Label, List, Place, StoreName, Target};

/// Boxes that one act aims at.
const MAX_BOXES: usize = 10_000;

/// Where a pack is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// At a box or a group of boxes.
    Target(Target),
    /// At every box of a store.
    Store(StoreName),
    /// At every box.
    All,
}

/// What was wanted somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wanted {
    /// For whom: `tenant/store/node` or `tenant/grp/group`.
    pub target: String,
    /// The version that its `cache` document has now.
    pub version: u64,
    /// The pack that it names; none where no answer of a pack is to be given.
    pub epoch: Option<u64>,
}

/// A pack that a target wanted at some time.
struct Past {
    version: u64,
    epoch: Option<u64>,
}

impl Hq {
    /// Wants a pack at every target of an aim; `over` is the version that its author saw at each.
    pub async fn want_pack(
        &self,
        actor: &Actor,
        tenant: &Label,
        epoch: u64,
        aim: &Aim,
        over: Option<u64>,
    ) -> Result<Vec<Wanted>, HqError> {
        let pack = self.pack_of(tenant, epoch).await?;
        let mut all = Vec::new();
        for target in self.targets(tenant, aim).await? {
            all.push(self.want_one(actor, target, Some(&pack), over).await?);
        }
        Ok(all)
    }

    /// Wants at every target of an aim what it had before: the newest pack below the one that is wanted
    /// there now, or none where there was none.
    pub async fn roll_back_pack(
        &self,
        actor: &Actor,
        tenant: &Label,
        aim: &Aim,
        over: Option<u64>,
    ) -> Result<Vec<Wanted>, HqError> {
        let mut all = Vec::new();
        for target in self.targets(tenant, aim).await? {
            let past = self.past(tenant, &target).await?;
            let nothing = || HqError::Value {
                field: "target",
                why: format!("{target} wants no pack, so there is nothing to take back"),
            };
            let now = past.first().and_then(|past| past.epoch).ok_or_else(nothing)?;
            let seen = past.first().map(|past| past.version);
            let before = past.iter().filter_map(|past| past.epoch).filter(|epoch| *epoch < now);
            let pack = match before.max() {
                Some(epoch) => Some(self.pack_of(tenant, epoch).await?),
                None => None,
            };
            // What was read is what is gone back from, whoever is faster.
            all.push(self.want_one(actor, target, pack.as_ref(), over.or(seen)).await?);
        }
        Ok(all)
    }

    async fn want_one(
        &self,
        actor: &Actor,
        target: Target,
        pack: Option<&PackRow>,
        over: Option<u64>,
    ) -> Result<Wanted, HqError> {
        let draft = match pack {
            Some(pack) => {
                let digest = parsed("a pack's digest", &pack.digest)?;
                self.draft_of_artefact(target.clone(), Document::Cache, digest).await?
            }
            None => Draft::inline(target.clone(), Document::Cache, empty()?)?,
        };
        let version = self.publish(actor, Draft { over, ..draft }).await?;
        let epoch = pack.map(|pack| pack.epoch);
        Ok(Wanted { target: target.to_string(), version, epoch })
    }

    /// The targets of an aim.
    async fn targets(&self, tenant: &Label, aim: &Aim) -> Result<Vec<Target>, HqError> {
        let (of, store) = match aim {
            Aim::Target(target) => return Ok(vec![target.clone()]),
            Aim::Store(store) => {
                self.registry().store(tenant, store).await?;
                (" AND store = $2", store.to_string())
            }
            Aim::All => (" AND $2 = ''", String::new()),
        };
        let select = format!(
            "SELECT place FROM nodes WHERE tenant = $1 AND revoked_ms IS NULL{of}
             ORDER BY place LIMIT $3"
        );
        let rows: Vec<(String,)> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(store)
            .bind(MAX_BOXES as i64 + 1)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading boxes"))?;
        if rows.len() > MAX_BOXES {
            let (found, most) = (rows.len() as u64, MAX_BOXES as u64);
            return Err(HqError::TooMuch { what: "boxes of one act", found, most });
        }
        let node = |(place,): &(String,)| Ok(Target::Node(parsed::<Place>("a place", place)?));
        rows.iter().map(node).collect()
    }

    /// What a target's `cache` document named, the newest version first.
    async fn past(&self, tenant: &Label, target: &Target) -> Result<Vec<Past>, HqError> {
        let select = "SELECT d.version, (SELECT max(p.epoch) FROM packs p
               WHERE p.tenant = d.tenant AND p.digest = d.digest)
             FROM desired d WHERE d.tenant = $1 AND d.document = 'cache' AND d.target = $2
             ORDER BY d.version DESC LIMIT $3";
        let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(target.to_string())
            .bind(int(super::MAX_PAGE.into()))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading which packs were wanted"))?;
        let past = |(version, epoch): &(i64, Option<i64>)| Past {
            version: uint(*version),
            epoch: epoch.map(uint),
        };
        Ok(rows.iter().map(past).collect())
    }
}

/// The index of a pack without answers.
fn empty() -> Result<Vec<u8>, HqError> {
    let index = PackIndex {
        epoch: 0,
        artefact: Artefact::of(&[])?,
        entries: List::default(),
        packed: None,
        deltas: None,
        name: None,
    };
    Ok(index.to_bytes()?)
}
