//! From an epoch to what stores are told of it.

use super::made::note;
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::ingest::Outgoing;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::documents::{FactsDelta, FactsIndex, artefact_path};
use crate::protocol::limits::MAX_LISTED;
use crate::protocol::{Digest, FactsHead, Label, List, Message, Signed, Text, Topic, UnixMillis};

/// How many epochs back there is a shorter way than everything.
const MAX_DELTAS: i64 = 8;

type HeadColumns = (String, i64, Option<String>, Option<String>, i64);

/// The heads of a tenant's catalogues, for a node that has come back.
pub(in crate::hq) async fn heads_for(
    hq: &Hq,
    change: &mut Transaction,
    tenant: &Label,
) -> Result<Vec<Signed<FactsHead>>, HqError> {
    let heads = heads(change, tenant).await?;
    heads.iter().map(|head| Ok(hq.director.sign(head)?)).collect()
}

async fn heads(change: &mut Transaction, tenant: &Label) -> Result<Vec<FactsHead>, HqError> {
    let select = "SELECT name, epoch, root, path, at_ms FROM catalogues
         WHERE tenant = $1 AND epoch > 0 ORDER BY name LIMIT $2";
    let rows: Vec<HeadColumns> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(int(MAX_LISTED as u64))
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("reading heads of facts"))?;
    rows.into_iter().map(|row| head(tenant, row)).collect()
}

fn head(tenant: &Label, (name, epoch, root, path, at): HeadColumns) -> Result<FactsHead, HqError> {
    Ok(FactsHead {
        tenant: tenant.clone(),
        catalogue: parsed("a catalogue", &name)?,
        epoch: uint(epoch),
        root: parsed("a root of facts", &root.unwrap_or_default())?,
        path: Text::new(path.unwrap_or_default())?,
        issued: UnixMillis(uint(at)),
        expires: None,
    })
}

impl Hq {
    /// Finishes epochs that a stop interrupted.
    pub async fn finish_epochs(&self) -> Result<(), HqError> {
        let _publishing = self.publishing.lock().await;
        let select = "SELECT tenant, name FROM catalogues WHERE applied > epoch";
        let rows: Vec<(String, String)> = sqlx::query_as(select)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading catalogues"))?;
        for (tenant, name) in rows {
            let (tenant, name) = (parsed("a tenant", &tenant)?, parsed("a catalogue", &name)?);
            self.publish_epoch(&tenant, &name).await?;
        }
        Ok(())
    }

    /// Makes the artefacts of the epoch that is applied, and tells the stores; gives that epoch.
    pub(super) async fn publish_epoch(
        &self,
        tenant: &Label,
        catalogue: &Label,
    ) -> Result<u64, HqError> {
        let select = "SELECT epoch, applied FROM catalogues WHERE tenant = $1 AND name = $2";
        let (epoch, applied): (i64, i64) = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .fetch_one(self.database.reader())
            .await
            .map_err(HqError::database("reading a catalogue"))?;
        let applied = uint(applied);
        if uint(epoch) == applied {
            return Ok(applied);
        }
        let (root, facts) = self.root_of(tenant, catalogue).await?;
        let before = self.epochs_before(tenant, catalogue, applied).await?;
        let (index, mut files) = self.index(tenant, catalogue, (applied, root), &before).await?;
        let (whole, delta) = (
            index.whole.size_bytes,
            index.deltas.iter().next().map(|delta| delta.artefact.size_bytes),
        );
        let digest = self.artefacts.put(index.to_bytes()?).await?;
        files.push(digest);
        let path = artefact_path(digest);
        let oldest = before.last().copied().unwrap_or(0);
        let made = Made { epoch: applied, root, path, facts, whole, delta, files, oldest };
        self.tell_head(tenant, catalogue, made).await?;
        Ok(applied)
    }

    /// The last epochs that were made before this one, the newest first. Numbers between them were given
    /// to nobody.
    async fn epochs_before(
        &self,
        tenant: &Label,
        catalogue: &Label,
        epoch: u64,
    ) -> Result<Vec<u64>, HqError> {
        let select = "SELECT DISTINCT epoch FROM made
             WHERE tenant = $1 AND catalogue = $2 AND epoch < $3 ORDER BY epoch DESC LIMIT $4";
        let rows: Vec<(i64,)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(int(epoch))
            .bind(MAX_DELTAS)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading epochs"))?;
        Ok(rows.into_iter().map(|(epoch,)| uint(epoch)).collect())
    }

    /// The index of an epoch, and the files that were made for it.
    async fn index(
        &self,
        tenant: &Label,
        catalogue: &Label,
        (epoch, root): (u64, Digest),
        before: &[u64],
    ) -> Result<(FactsIndex, Vec<Digest>), HqError> {
        let whole = self.pack(tenant, catalogue, 0).await?;
        let (mut deltas, mut files) = (Vec::new(), vec![whole.digest]);
        for &from_epoch in before {
            let artefact = self.pack(tenant, catalogue, from_epoch).await?;
            files.push(artefact.digest);
            // What is farther back is longer still.
            if artefact.size_bytes >= whole.size_bytes {
                break;
            }
            deltas.push(FactsDelta { from_epoch, artefact });
        }
        Ok((FactsIndex { epoch, root, whole, deltas: List::new(deltas)? }, files))
    }

    async fn tell_head(
        &self,
        tenant: &Label,
        catalogue: &Label,
        made: Made,
    ) -> Result<(), HqError> {
        let now = now();
        let ending = || HqError::database("publishing an epoch of facts");
        let mut change = self.database.begin().await?;
        let update = "UPDATE catalogues SET epoch = $3, root = $4, path = $5, facts = $6,
               whole_bytes = $7, delta_bytes = $8, at_ms = $9
             WHERE tenant = $1 AND name = $2";
        sqlx::query(update)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(int(made.epoch))
            .bind(made.root.to_string())
            .bind(&*made.path)
            .bind(int(made.facts))
            .bind(int(made.whole))
            .bind(made.delta.map(int))
            .bind(int(now.0))
            .execute(&mut *change)
            .await
            .map_err(ending())?;
        note(&mut change, (tenant, catalogue, made.epoch), &made.files, now).await?;
        // What was removed before the oldest delta begins is in none of them, nor in later ones.
        let forget = "DELETE FROM facts
             WHERE tenant = $1 AND catalogue = $2 AND digest IS NULL AND epoch <= $3";
        sqlx::query(forget)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(int(made.oldest))
            .execute(&mut *change)
            .await
            .map_err(ending())?;
        commit(change).await?;
        let head = FactsHead {
            tenant: tenant.clone(),
            catalogue: catalogue.clone(),
            epoch: made.epoch,
            root: made.root,
            path: made.path,
            issued: now,
            expires: None,
        };
        self.say([self.head_message(&head, now)?]);
        Ok(())
    }

    /// The heads of all catalogues, for a broker that may have lost those that were said: a store would
    /// hear of them with its next question only.
    pub(in crate::hq) async fn heads_again(&self) -> Result<Vec<Outgoing>, HqError> {
        let (now, tenants) = (now(), self.registry().tenants().await?);
        let mut reading = self.database.read().await?;
        let mut said = Vec::new();
        for tenant in tenants {
            for head in heads(&mut reading, &tenant).await? {
                said.push(self.head_message(&head, now)?);
            }
        }
        Ok(said)
    }

    fn head_message(&self, head: &FactsHead, now: UnixMillis) -> Result<Outgoing, HqError> {
        let message = Message::FactsHead(self.director.sign(head)?);
        let payload = self.clock.envelope(&message, now)?.to_bytes()?;
        let (tenant, catalogue) = (head.tenant.clone(), head.catalogue.clone());
        let topic = Topic::FactsHead { tenant, catalogue }.to_string();
        Ok(Outgoing { topic, payload, retain: true })
    }
}

/// What was made for an epoch.
struct Made {
    epoch: u64,
    root: Digest,
    path: Text<{ crate::protocol::limits::MAX_TEXT_BYTES }>,
    facts: u64,
    whole: u64,
    delta: Option<u64>,
    /// All of its artefacts.
    files: Vec<Digest>,
    /// The oldest epoch from which there is a shorter way than everything, 0 for none.
    oldest: u64,
}
