//! What is pushed becomes the next epoch.

use schemars::JsonSchema;
use serde::Serialize;

use super::spool::{Lines, Spool, Spooled};
use crate::facts::Table;
use crate::hq::acts::{self, Actor};
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::floors::last_epoch;
use crate::hq::key_file::random;
use crate::hq::registry::require_tenant;
use crate::hq::rows::{int, uint};
use crate::hq::service::Hq;
use crate::protocol::limits::MAX_LISTED;
use crate::protocol::{Label, MessageId};

/// Lines that are read back at once.
const SOME: usize = 1000;

/// A push that is coming in.
#[derive(Debug)]
pub struct Push {
    tenant: Label,
    catalogue: Label,
    replaces: Option<Table>,
    creates: bool,
    spool: Spool,
}

/// The catalogue that the first push makes, as everybody has one.
const FIRST: &str = "main";

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pushed {
    /// The epoch that stores are told of; the one before where nothing changed.
    pub epoch: u64,
    /// Facts that are there now and were not, or were otherwise.
    pub changed: u64,
    /// Facts that are gone.
    pub removed: u64,
    /// Facts that were so already.
    pub unchanged: u64,
}

impl Push {
    /// Begins a push into a catalogue, which must be there; the one that is called `main` is made with
    /// the first push. Where a table is replaced, facts of it that do not come go.
    pub fn new(
        hq: &Hq,
        tenant: Label,
        catalogue: Label,
        replaces: Option<Table>,
    ) -> Result<Self, HqError> {
        let spool = Spool::new(&hq.config.data_dir, replaces)?;
        Ok(Self { tenant, catalogue, replaces, creates: false, spool })
    }

    /// Makes the catalogue where it is missing.
    #[must_use]
    pub fn creating(self, creates: bool) -> Self {
        Self { creates, ..self }
    }

    /// Takes the lines that follow: `{"table", "id", "fact"}`, `op` `put` (the default) or `delete`.
    /// Blocks on the disk for a moment.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), HqError> {
        self.spool.update(bytes)
    }
}

/// A fact as the database has it.
struct Known {
    /// None where it was removed.
    digest: Option<String>,
    /// When it last changed.
    epoch: i64,
    /// The push that last named it.
    pushed: String,
}

/// The facts of one catalogue while a push goes in.
struct Into<'a> {
    change: Transaction,
    tenant: &'a Label,
    catalogue: &'a Label,
    epoch: i64,
    push: String,
    done: Pushed,
}

impl Hq {
    /// Makes a push count, as one epoch, and tells the stores.
    pub async fn push(&self, actor: &Actor, push: Push) -> Result<Pushed, HqError> {
        let Push { tenant, catalogue, replaces, creates, spool } = push;
        let mut lines = spool.finish()?;
        let _publishing = self.publishing.lock().await;
        let mut into = self.begin_push(&tenant, &catalogue, creates).await?;
        into.all(&mut lines).await?;
        if let Some(table) = replaces {
            into.remove_others(table).await?;
        }
        let (target, done) = (format!("{tenant}/facts/{catalogue}"), into.done.clone());
        let told = format!("{} changed, {} removed", done.changed, done.removed);
        if done.changed + done.removed > 0 {
            into.keep_epoch().await?;
            acts::record(&mut into.change, actor, "facts.push", &target, &told).await?;
        }
        commit(into.change).await?;
        let epoch = self.publish_epoch(&tenant, &catalogue).await?;
        self.changed();
        Ok(Pushed { epoch, ..done })
    }

    async fn begin_push<'a>(
        &self,
        tenant: &'a Label,
        catalogue: &'a Label,
        creates: bool,
    ) -> Result<Into<'a>, HqError> {
        let mut change = self.database.begin().await?;
        require_tenant(&mut change, tenant).await?;
        let known = self.catalogue_names(tenant).await?;
        if !creates && catalogue.as_str() != FIRST && !known.contains(&catalogue.to_string()) {
            let name = catalogue.to_string();
            return Err(HqError::NoCatalogue { name, known: known.join(", ") });
        }
        let making = || HqError::database("beginning an epoch of facts");
        require_room(&mut change, tenant, catalogue).await?;
        let insert = "INSERT INTO catalogues (tenant, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .execute(&mut *change)
            .await
            .map_err(making())?;
        let select = "SELECT applied FROM catalogues WHERE tenant = $1 AND name = $2";
        let (applied,): (i64,) = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .fetch_one(&mut *change)
            .await
            .map_err(making())?;
        let next = applied.max(int(last_epoch(&mut change, tenant).await?)) + 1;
        let push = MessageId(random()?).to_string();
        let done = Pushed { epoch: uint(applied), changed: 0, removed: 0, unchanged: 0 };
        Ok(Into { change, tenant, catalogue, epoch: next, push, done })
    }
}

/// Refuses a catalogue that nodes would not be told of, as their snapshots name no more.
async fn require_room(
    change: &mut Transaction,
    tenant: &Label,
    catalogue: &Label,
) -> Result<(), HqError> {
    let select = "SELECT count(*) FROM catalogues WHERE tenant = $1 AND name <> $2";
    let (others,): (i64,) = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(catalogue.as_str())
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("counting catalogues"))?;
    let (found, most) = (uint(others) + 1, MAX_LISTED as u64);
    if found > most {
        return Err(HqError::TooMuch { what: "catalogues of one tenant", found, most });
    }
    Ok(())
}

impl Into<'_> {
    async fn all(&mut self, lines: &mut Lines) -> Result<(), HqError> {
        loop {
            let some = lines.some(SOME)?;
            if some.is_empty() {
                return Ok(());
            }
            for spooled in some {
                self.one(&spooled).await?;
            }
        }
    }

    async fn one(&mut self, spooled: &Spooled) -> Result<(), HqError> {
        let known = self.known(spooled).await?;
        let digest = spooled.digest().map(|digest| digest.to_string());
        let was = known.as_ref().and_then(|known| known.digest.clone());
        if was.is_none() && digest.is_none() {
            self.done.unchanged += 1;
            return Ok(());
        }
        self.count(known.as_ref(), digest.as_deref());
        let insert = "INSERT INTO facts (tenant, catalogue, kind, id, epoch, pushed, digest, fact)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (tenant, catalogue, kind, id) DO UPDATE SET pushed = excluded.pushed,
               epoch = CASE WHEN facts.digest = excluded.digest THEN facts.epoch
                 ELSE excluded.epoch END,
               digest = excluded.digest, fact = excluded.fact";
        sqlx::query(insert)
            .bind(self.tenant.as_str())
            .bind(self.catalogue.as_str())
            .bind(spooled.table.as_str())
            .bind(&spooled.id)
            .bind(self.epoch)
            .bind(&self.push)
            .bind(digest)
            .bind(&spooled.fact)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing a fact"))?;
        Ok(())
    }

    /// Counts a fact by what the push makes of it; one that it names again, by the last word.
    fn count(&mut self, known: Option<&Known>, digest: Option<&str>) {
        let same = known.is_some_and(|known| known.digest.as_deref() == digest);
        let again = known.filter(|known| known.pushed == self.push);
        let done = &mut self.done;
        if let Some(again) = again {
            let before = match (again.epoch == self.epoch, &again.digest) {
                (false, _) => &mut done.unchanged,
                (true, Some(_)) => &mut done.changed,
                (true, None) => &mut done.removed,
            };
            if same {
                return;
            }
            *before -= 1;
        }
        match (same, digest) {
            (true, _) => done.unchanged += 1,
            (false, Some(_)) => done.changed += 1,
            (false, None) => done.removed += 1,
        }
    }

    /// A fact that is there, or was.
    async fn known(&mut self, spooled: &Spooled) -> Result<Option<Known>, HqError> {
        let select = "SELECT digest, epoch, pushed FROM facts
             WHERE tenant = $1 AND catalogue = $2 AND kind = $3 AND id = $4";
        let row: Option<(Option<String>, i64, String)> = sqlx::query_as(select)
            .bind(self.tenant.as_str())
            .bind(self.catalogue.as_str())
            .bind(spooled.table.as_str())
            .bind(&spooled.id)
            .fetch_optional(&mut *self.change)
            .await
            .map_err(HqError::database("reading a fact"))?;
        Ok(row.map(|(digest, epoch, pushed)| Known { digest, epoch, pushed }))
    }

    /// Removes what the push did not name.
    async fn remove_others(&mut self, table: Table) -> Result<(), HqError> {
        let update = "UPDATE facts SET digest = NULL, fact = NULL, epoch = $4
             WHERE tenant = $1 AND catalogue = $2 AND kind = $3 AND pushed <> $5
               AND digest IS NOT NULL";
        let gone = sqlx::query(update)
            .bind(self.tenant.as_str())
            .bind(self.catalogue.as_str())
            .bind(table.as_str())
            .bind(self.epoch)
            .bind(&self.push)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("removing facts"))?;
        self.done.removed += gone.rows_affected();
        Ok(())
    }

    async fn keep_epoch(&mut self) -> Result<(), HqError> {
        let update = "UPDATE catalogues SET applied = $3 WHERE tenant = $1 AND name = $2";
        sqlx::query(update)
            .bind(self.tenant.as_str())
            .bind(self.catalogue.as_str())
            .bind(self.epoch)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("ending an epoch of facts"))?;
        self.done.epoch = uint(self.epoch);
        Ok(())
    }
}
