//! Another key for the director: introduced by a document that the old one signs, and the old one's end.
//!
//! From [`Hq::introduce_key`] on both keys sign, and boxes are told to believe both.
//! [`Hq::retire_key`] tells them to believe the new one alone. The old key signs along until every box has
//! taken that up, so that one that was away all the time follows by its first answer; then HQ forgets it
//! ([`Hq::finish_rotation`]).

use ed25519_dalek::VerifyingKey;
use schemars::JsonSchema;
use serde::Serialize;

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::documents::{Draft, insert, newest_for, next_version};
use super::error::HqError;
use super::floors::{set, setting};
use super::rows::parsed;
use super::service::Hq;
use crate::protocol::{Document, Label, Place, Role, Target, UnixMillis, to_hex};
use crate::sync::{Believed, KeysDoc};

/// The setting that says since when the old key is about to be forgotten.
const RETIRED: &str = "director_retired_ms";
/// Boxes that are named, of those that do not follow yet.
const MAX_NAMED: usize = 100;
/// Boxes that are told at once; the others hear of it with the next rounds, or when they ask.
const MAX_TOLD: usize = 256;

/// How far a change of the director's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStage {
    /// One key signs.
    Single,
    /// Two keys sign, and boxes are to believe both.
    Introduced,
    /// Two keys sign, boxes are to believe the new one alone, and HQ forgets the old one when all do.
    Retiring,
}

/// HQ's public keys, and how far their change is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeysState {
    /// How far a change is.
    pub stage: KeyStage,
    /// The director's newest key, hexadecimal.
    pub director: String,
    /// The director's old key, while it signs along.
    pub leaving: Option<String>,
    /// The key that signs the heads of facts.
    pub facts: String,
    /// Boxes that have not taken up yet what they are to believe.
    pub behind: u64,
    /// Some of them.
    pub named: Vec<String>,
}

impl Hq {
    /// HQ's keys, and which boxes do not follow yet.
    pub async fn keys_state(&self) -> Result<KeysState, HqError> {
        let mut reading = self.database.read().await?;
        let retired = setting(&mut reading, RETIRED).await?.is_some();
        let leaving = self.director.leaving();
        let stage = match (&leaving, retired) {
            (None, _) => KeyStage::Single,
            (Some(_), false) => KeyStage::Introduced,
            (Some(_), true) => KeyStage::Retiring,
        };
        let mut named = behind(&mut reading).await?;
        let count = named.len() as u64;
        named.truncate(MAX_NAMED);
        let [(_, director), (_, facts)] = self.director.public();
        let shown = |key: &VerifyingKey| to_hex(key.as_bytes());
        Ok(KeysState {
            stage,
            director: shown(&director),
            leaving: leaving.as_ref().map(shown),
            facts: shown(&facts),
            behind: count,
            named,
        })
    }

    /// Makes another key for the director. Both sign from now on, and boxes are told to believe both.
    /// Asked again, it changes nothing.
    pub async fn introduce_key(&self, actor: &Actor) -> Result<KeysState, HqError> {
        let before = self.keys_state().await?;
        if before.stage == KeyStage::Retiring {
            let why = "the key before is still on its way out; `endcap hq key show` names the boxes \
                       that it waits for";
            return Err(HqError::Value { field: "key", why: why.to_owned() });
        }
        self.director.introduce()?;
        let leaving = self.director.leaving().map(|key| (Role::Director, key));
        let told = self.believe(actor, "key.rotate", leaving).await?;
        if told {
            tracing::info!("another key of the director's signs along");
        }
        self.keys_state().await
    }

    /// Tells boxes to believe the new key alone. HQ forgets the old one when all have taken that up.
    pub async fn retire_key(&self, actor: &Actor) -> Result<KeysState, HqError> {
        match self.keys_state().await?.stage {
            KeyStage::Single => {
                let why = "there is one; `endcap hq key rotate` makes the one that takes its place";
                return Err(HqError::Value { field: "key", why: why.to_owned() });
            }
            KeyStage::Introduced => self.believe(actor, "key.retire", None).await.map(drop)?,
            KeyStage::Retiring => {}
        }
        self.finish_rotation().await?;
        self.keys_state().await
    }

    /// Forgets the old key where every box believes the new one alone; whether that was now.
    pub async fn finish_rotation(&self) -> Result<bool, HqError> {
        if self.director.leaving().is_none() {
            return Ok(false);
        }
        let state = self.keys_state().await?;
        if state.stage != KeyStage::Retiring || state.behind > 0 {
            return Ok(false);
        }
        self.director.forget_old()?;
        let mut change = self.database.begin().await?;
        forget_setting(&mut change).await?;
        let told = format!("{} is forgotten", state.leaving.unwrap_or_default());
        acts::record(&mut change, &Actor::local(), "key.forget", "", &told).await?;
        commit(change).await?;
        self.changed();
        Ok(true)
    }

    /// Wants every box of every tenant to believe HQ's newest keys and this one, and signs anew what was
    /// signed before. Whether they were to believe others.
    async fn believe(
        &self,
        actor: &Actor,
        act: &'static str,
        also: Option<(Role, VerifyingKey)>,
    ) -> Result<bool, HqError> {
        let keys = self.director.public().into_iter().chain(also);
        let keys = keys.map(|(role, key)| Believed::of(role, &key)).collect();
        let bytes = KeysDoc { keys }.to_bytes();
        let bytes =
            bytes.map_err(|error| HqError::Value { field: "key", why: error.to_string() })?;
        let tenants = self.registry().tenants().await?;
        let (now, mut new) = (now(), false);
        let mut change = self.database.begin().await?;
        for tenant in &tenants {
            new |= want_everywhere(&mut change, tenant, &bytes, now, &actor.name).await?;
        }
        if new {
            self.sign_anew(&mut change, now).await?;
            let retired = (act == "key.retire").then_some(now);
            match retired {
                Some(at) => set(&mut change, RETIRED, &at.0.to_string()).await?,
                None => forget_setting(&mut change).await?,
            }
            let [(_, newest), _] = self.director.public();
            let newest = to_hex(newest.as_bytes());
            acts::record(&mut change, actor, act, "", &newest).await?;
        }
        commit(change).await?;
        self.changed();
        self.tell_keys(now).await?;
        Ok(new)
    }

    /// Tells boxes that are on the line what they are to believe.
    async fn tell_keys(&self, now: UnixMillis) -> Result<(), HqError> {
        let mut reading = self.database.read().await?;
        let behind = behind(&mut reading).await?;
        for place in behind.iter().take(MAX_TOLD) {
            let place: Place = parsed("a place", place)?;
            for pointer in newest_for(&mut reading, &place, now).await? {
                self.say([self.desired_message(&place, &pointer, now)?]);
            }
        }
        Ok(())
    }
}

/// What HQ calls every box of a tenant.
pub(super) fn everywhere(tenant: &Label) -> String {
    format!("{tenant}/*")
}

/// Wants a keys document of every box of a tenant; whether another was wanted before.
async fn want_everywhere(
    change: &mut Transaction,
    tenant: &Label,
    bytes: &[u8],
    now: UnixMillis,
    author: &str,
) -> Result<bool, HqError> {
    let anybody = Target::Group { tenant: tenant.clone(), group: tenant.clone() };
    let draft = Draft::inline(anybody, Document::Keys, bytes.to_vec())?;
    let select = "SELECT digest FROM desired WHERE target = $1 AND document = 'keys'
         ORDER BY version DESC LIMIT 1";
    let known: Option<(String,)> = sqlx::query_as(select)
        .bind(everywhere(tenant))
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading the keys that are wanted"))?;
    if known.is_some_and(|(digest,)| digest == draft.digest.to_string()) {
        return Ok(false);
    }
    let version = next_version(change, tenant, Document::Keys).await?;
    insert(change, tenant, version, &everywhere(tenant), &draft, now, author).await?;
    Ok(true)
}

/// Boxes that have an identity and have not taken up the keys that are wanted of all.
async fn behind(change: &mut Transaction) -> Result<Vec<String>, HqError> {
    let select = "WITH wanted AS (
           SELECT tenant, max(version) AS version FROM desired
           WHERE document = 'keys' AND target = tenant || '/*' GROUP BY tenant)
         SELECT n.place FROM nodes n JOIN wanted w ON w.tenant = n.tenant
         LEFT JOIN reported r ON r.place = n.place AND r.document = 'keys'
         WHERE n.revoked_ms IS NULL AND (n.token IS NOT NULL OR n.heard_ms > 0)
           AND (r.applied IS NULL OR r.applied < w.version)
         ORDER BY n.presence <> 'online', n.place";
    let rows: Vec<(String,)> = sqlx::query_as(select)
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("looking for boxes that believe older keys"))?;
    Ok(rows.into_iter().map(|(place,)| place).collect())
}

async fn forget_setting(change: &mut Transaction) -> Result<(), HqError> {
    sqlx::query("DELETE FROM settings WHERE name = $1")
        .bind(RETIRED)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a setting"))?;
    Ok(())
}
