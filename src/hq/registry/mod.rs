//! Tenants, their stores, the boxes in them, and groups of boxes.

mod groups;

use schemars::JsonSchema;
use serde::Serialize;

use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::{Label, Place, StoreName};
pub use groups::GroupRow;
pub(in crate::hq) use groups::members;

/// Rows that one page has at most.
const MAX_PAGE: u32 = 1000;
/// Boxes of one store.
const MAX_NODES_PER_STORE: i64 = 16;
/// Characters of a title.
const MAX_TITLE_CHARS: usize = 128;

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoreRow {
    /// Whose.
    pub tenant: String,
    /// Its name in topics.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Since when, in milliseconds since 1970.
    pub created_ms: u64,
    /// Its boxes.
    pub nodes: Vec<NodeRow>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeRow {
    /// `tenant/store/node`.
    pub place: String,
    /// `never`, `online`, `left`, `lost` or `revoked`; a line that is lost says nothing of the box.
    pub presence: String,
    /// When it said so, in milliseconds since 1970; 0 for never.
    pub presence_ms: u64,
    /// When it was last heard of.
    pub heard_ms: u64,
    /// Counts its connections.
    pub epoch: u64,
    /// Until when its certificate holds; none where it was not enrolled.
    pub certificate_until_ms: Option<u64>,
    /// When two boxes last spoke in its name, as one and a copy of its disk do; none where never.
    pub doubled_ms: Option<u64>,
}

type NodeColumns = (String, String, i64, i64, i64, Option<i64>, Option<i64>);

const NODE_COLUMNS: &str = "place, CASE WHEN revoked_ms IS NULL THEN presence ELSE 'revoked' END,
     presence_ms, heard_ms, epoch, certificate_until_ms, doubled_ms";

fn node((place, presence, presence_ms, heard_ms, epoch, until, doubled): NodeColumns) -> NodeRow {
    NodeRow {
        place,
        presence,
        presence_ms: uint(presence_ms),
        heard_ms: uint(heard_ms),
        epoch: uint(epoch),
        certificate_until_ms: until.map(uint),
        doubled_ms: doubled.map(uint),
    }
}

/// What there is.
#[derive(Debug, Clone, Copy)]
pub struct Registry<'a>(&'a Hq);

impl<'a> Registry<'a> {
    pub(in crate::hq) fn new(hq: &'a Hq) -> Self {
        Self(hq)
    }

    /// Makes a tenant; `false` where there was one.
    pub async fn add_tenant(self, actor: &Actor, tenant: &Label) -> Result<bool, HqError> {
        let mut change = self.0.database.begin().await?;
        let insert =
            "INSERT INTO tenants (name, created_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let made = sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("adding a tenant"))?;
        let made = made.rows_affected() > 0;
        if made {
            acts::record(&mut change, actor, "tenant.add", tenant.as_str(), "").await?;
            commit(change).await?;
            self.0.changed();
        }
        Ok(made)
    }

    /// All tenants.
    pub async fn tenants(self) -> Result<Vec<Label>, HqError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT name FROM tenants ORDER BY name")
            .fetch_all(self.0.database.reader())
            .await
            .map_err(HqError::database("reading tenants"))?;
        rows.iter().map(|(name,)| parsed("a tenant", name)).collect()
    }

    /// Makes a store, or gives it another title.
    pub async fn set_store(
        self,
        actor: &Actor,
        tenant: &Label,
        store: &StoreName,
        title: &str,
    ) -> Result<(), HqError> {
        let title = checked_title(title, store.as_str())?;
        let mut change = self.0.database.begin().await?;
        require_tenant(&mut change, tenant).await?;
        let insert = "INSERT INTO stores (tenant, name, title, created_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, name) DO UPDATE SET title = excluded.title";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(store.as_str())
            .bind(&title)
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("adding a store"))?;
        let target = format!("{tenant}/{store}");
        acts::record(&mut change, actor, "store.set", &target, &title).await?;
        self.end(change).await
    }

    /// That there is such a tenant.
    pub(in crate::hq) async fn require(&self, tenant: &Label) -> Result<(), HqError> {
        let mut reading = self.0.database.read().await?;
        require_tenant(&mut reading, tenant).await
    }

    /// Makes a box of a store that is there; nothing where the box is there already.
    pub async fn add_node(self, actor: &Actor, place: &Place) -> Result<(), HqError> {
        let mut change = self.0.database.begin().await?;
        insert_node(&mut change, place).await?;
        acts::record(&mut change, actor, "node.add", &place.to_string(), "").await?;
        self.end(change).await
    }

    /// Stores after a name, with their boxes; at most 1000.
    pub async fn stores(
        self,
        tenant: &Label,
        after: &str,
        most: u32,
    ) -> Result<Vec<StoreRow>, HqError> {
        let select = "SELECT name, title, created_ms FROM stores
             WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(after)
            .bind(i64::from(most.min(MAX_PAGE)))
            .fetch_all(self.0.database.reader())
            .await
            .map_err(HqError::database("reading stores"))?;
        let (Some((first, ..)), Some((last, ..))) = (rows.first(), rows.last()) else {
            return Ok(Vec::new());
        };
        let mut nodes = self.nodes_between(tenant, first, last).await?.into_iter().peekable();
        let mut stores = Vec::with_capacity(rows.len());
        for (name, title, created_ms) in rows {
            let mut own = Vec::new();
            while let Some((_, node)) = nodes.next_if(|(store, _)| *store == name) {
                own.push(node);
            }
            let tenant = tenant.to_string();
            stores.push(StoreRow { tenant, name, title, created_ms: uint(created_ms), nodes: own });
        }
        Ok(stores)
    }

    async fn nodes_between(
        self,
        tenant: &Label,
        first: &str,
        last: &str,
    ) -> Result<Vec<(String, NodeRow)>, HqError> {
        let select = format!(
            "SELECT store, {NODE_COLUMNS} FROM nodes
             WHERE tenant = $1 AND store >= $2 AND store <= $3 ORDER BY store, node"
        );
        type Columns = (String, String, String, i64, i64, i64, Option<i64>, Option<i64>);
        let rows: Vec<Columns> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(first)
            .bind(last)
            .fetch_all(self.0.database.reader())
            .await
            .map_err(HqError::database("reading nodes"))?;
        let split = |(store, a, b, c, d, e, f, g): Columns| (store, node((a, b, c, d, e, f, g)));
        Ok(rows.into_iter().map(split).collect())
    }

    /// One store with its boxes.
    pub async fn store(self, tenant: &Label, store: &StoreName) -> Result<StoreRow, HqError> {
        let select = "SELECT title, created_ms FROM stores WHERE tenant = $1 AND name = $2";
        let row: Option<(String, i64)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(store.as_str())
            .fetch_optional(self.0.database.reader())
            .await
            .map_err(HqError::database("reading a store"))?;
        let (title, created_ms) =
            row.ok_or_else(|| HqError::unknown("store", format!("{tenant}/{store}")))?;
        let nodes = self.nodes_between(tenant, store.as_str(), store.as_str()).await?;
        Ok(StoreRow {
            tenant: tenant.to_string(),
            name: store.to_string(),
            title,
            created_ms: uint(created_ms),
            nodes: nodes.into_iter().map(|(_, node)| node).collect(),
        })
    }

    /// One box.
    pub async fn node(self, place: &Place) -> Result<NodeRow, HqError> {
        let select = format!("SELECT {NODE_COLUMNS} FROM nodes WHERE place = $1");
        let row: Option<NodeColumns> = sqlx::query_as(&select)
            .bind(place.to_string())
            .fetch_optional(self.0.database.reader())
            .await
            .map_err(HqError::database("reading a node"))?;
        row.map(node).ok_or_else(|| HqError::unknown("node", place))
    }

    /// How many stores a tenant has, and how many of its boxes are in which state of presence.
    pub async fn counts(self, tenant: &Label) -> Result<(u64, Vec<(String, u64)>), HqError> {
        let counting = || HqError::database("counting stores");
        let (stores,): (i64,) = sqlx::query_as("SELECT count(*) FROM stores WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(self.0.database.reader())
            .await
            .map_err(counting())?;
        let select = "SELECT CASE WHEN revoked_ms IS NULL THEN presence ELSE 'revoked' END AS now,
               count(*) FROM nodes WHERE tenant = $1 GROUP BY now ORDER BY now";
        let presence: Vec<(String, i64)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .fetch_all(self.0.database.reader())
            .await
            .map_err(counting())?;
        let presence = presence.into_iter().map(|(word, count)| (word, uint(count)));
        Ok((uint(stores), presence.collect()))
    }

    async fn end(self, change: Transaction) -> Result<(), HqError> {
        commit(change).await?;
        self.0.changed();
        Ok(())
    }
}

/// Makes a box of a store that is there.
pub(in crate::hq) async fn insert_node(
    change: &mut Transaction,
    place: &Place,
) -> Result<(), HqError> {
    let adding = || HqError::database("adding a node");
    let counted = "SELECT s.name, count(n.place) FROM stores s
         LEFT JOIN nodes n ON n.tenant = s.tenant AND n.store = s.name AND n.place <> $3
         WHERE s.tenant = $1 AND s.name = $2 GROUP BY s.name";
    let row: Option<(String, i64)> = sqlx::query_as(counted)
        .bind(place.tenant.as_str())
        .bind(place.store.as_str())
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(adding())?;
    let store = || HqError::unknown("store", format!("{}/{}", place.tenant, place.store));
    let (_, nodes) = row.ok_or_else(store)?;
    if nodes >= MAX_NODES_PER_STORE {
        let most = uint(MAX_NODES_PER_STORE);
        return Err(HqError::TooMuch { what: "boxes of one store", found: most + 1, most });
    }
    let insert = "INSERT INTO nodes (place, tenant, store, node, created_ms)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(place.to_string())
        .bind(place.tenant.as_str())
        .bind(place.store.as_str())
        .bind(place.node.as_str())
        .bind(int(now().0))
        .execute(&mut **change)
        .await
        .map_err(adding())?;
    Ok(())
}

pub(in crate::hq) async fn require_tenant(
    change: &mut Transaction,
    tenant: &Label,
) -> Result<(), HqError> {
    let found: Option<(String,)> = sqlx::query_as("SELECT name FROM tenants WHERE name = $1")
        .bind(tenant.as_str())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a tenant"))?;
    found.map(|_| ()).ok_or_else(|| HqError::unknown("tenant", tenant))
}

async fn require_node(change: &mut Transaction, place: &Place) -> Result<(), HqError> {
    let found: Option<(String,)> = sqlx::query_as("SELECT place FROM nodes WHERE place = $1")
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a node"))?;
    found.map(|_| ()).ok_or_else(|| HqError::unknown("node", place))
}

fn checked_title(title: &str, name: &str) -> Result<String, HqError> {
    let title = if title.trim().is_empty() { name } else { title.trim() };
    if title.chars().count() > MAX_TITLE_CHARS || title.chars().any(char::is_control) {
        let why = format!("at most {MAX_TITLE_CHARS} characters that can be seen");
        return Err(HqError::Value { field: "title", why });
    }
    Ok(title.to_owned())
}
