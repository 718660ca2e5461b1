//! Commands: given once, said again until the node answers or their time is over.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::error::HqError;
use super::ingest::Outgoing;
use super::key_file::random;
use super::registry::members;
use super::rows::{from_json, int, parsed, to_json, uint};
use super::service::Hq;
use crate::protocol::{
    Command, Envelope, Fields, Gap, Label, Ledger, Message, MessageId, Name, NodeTopic, Place,
    Stream, Target, Topic, UnixMillis,
};

/// Commands of one node that wait for an answer. Fewer than the holes that a node remembers in a
/// stream, so that one that is never answered does not block those behind it.
const MAX_WAITING: i64 = 16;
/// Nodes that one order goes to.
const MAX_NODES: usize = 1000;
/// The longest time that a command may wait.
const MAX_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;
/// Rows that one page has at most.
const MAX_PAGE: u32 = 500;
/// Commands that are said again in one round.
const MAX_AGAIN: u32 = 1000;

/// Something that nodes are to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which node, or all of a group.
    pub target: Target,
    /// What to do.
    pub name: Name,
    /// With what.
    pub arguments: Fields,
    /// How long it may wait, in milliseconds.
    pub life_ms: u64,
}

/// A command and what became of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CommandRow {
    /// Its id.
    pub id: String,
    /// The node.
    pub place: String,
    /// What was to be done.
    pub name: String,
    /// With what.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub arguments: Box<RawValue>,
    /// When it was given, in milliseconds since 1970.
    pub issued_ms: u64,
    /// From when on it is not begun.
    pub expires_ms: u64,
    /// Who gave it.
    pub author: String,
    /// What the node said last: `accepted`, `running`, `done`, `failed`, `expired`, `refused`.
    pub outcome: Option<String>,
    /// When it came there.
    pub outcome_ms: Option<u64>,
    /// What the node had to say.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub details: Option<Box<RawValue>>,
}

impl Hq {
    /// Gives a command to a node or to all of a group; their ids.
    pub async fn command(&self, actor: &Actor, order: &Order) -> Result<Vec<MessageId>, HqError> {
        if !(1..=MAX_LIFE_MS).contains(&order.life_ms) {
            let what = "milliseconds that a command waits";
            return Err(HqError::TooMuch { what, found: order.life_ms, most: MAX_LIFE_MS });
        }
        let now = now();
        let mut change = self.database.begin().await?;
        let places = members(&mut change, &order.target).await?;
        if places.len() > MAX_NODES {
            let found = places.len() as u64;
            return Err(HqError::TooMuch {
                what: "nodes of one command",
                found,
                most: MAX_NODES as u64,
            });
        }
        let ledger = ledger(&mut change).await?;
        let (mut ids, mut said) = (Vec::new(), Vec::new());
        for place in places {
            let (id, message) = self.give(&mut change, ledger, actor, order, place, now).await?;
            ids.push(id);
            said.push(message);
        }
        let target = order.target.to_string();
        let told = format!("{}, {} nodes", order.name, ids.len());
        acts::record(&mut change, actor, "command.give", &target, &told).await?;
        commit(change).await?;
        self.changed();
        self.say(said);
        Ok(ids)
    }

    pub(super) async fn give(
        &self,
        change: &mut Transaction,
        ledger: Ledger,
        actor: &Actor,
        order: &Order,
        target: Place,
        now: UnixMillis,
    ) -> Result<(MessageId, Outgoing), HqError> {
        let seq = next_seq(change, &target, now).await?;
        let id = MessageId(random()?);
        let command = Command {
            id,
            target: target.clone(),
            name: order.name.clone(),
            arguments: order.arguments.clone(),
            issued: now,
            expires: now.plus(order.life_ms),
        };
        let message = Message::Command(self.director.sign(&command)?);
        let envelope = self.clock.envelope(&message, now)?.counted(ledger, Stream::Cmd, seq);
        let outgoing = Outgoing::to_node(&target, NodeTopic::Command(id), &envelope)?;
        insert(change, seq, &command, &outgoing.payload, &actor.name).await?;
        Ok((id, outgoing))
    }

    /// Commands of a tenant, the newest first; of one node where it is named.
    pub async fn commands(
        &self,
        tenant: &Label,
        place: Option<&Place>,
        most: u32,
    ) -> Result<Vec<CommandRow>, HqError> {
        type Columns = (
            (String, String, String, String),
            (i64, i64, String, Option<String>, Option<i64>, Option<String>),
        );
        let select = "SELECT c.id, c.place, c.name, c.arguments, c.issued_ms, c.expires_ms,
               c.author, c.outcome, c.outcome_ms, c.details
             FROM commands c JOIN nodes n ON n.place = c.place
             WHERE n.tenant = $1 AND (c.place = $2 OR CAST($2 AS TEXT) IS NULL)
             ORDER BY c.issued_ms DESC, c.id LIMIT $3";
        let rows = sqlx::query_as::<
            _,
            (
                String,
                String,
                String,
                String,
                i64,
                i64,
                String,
                Option<String>,
                Option<i64>,
                Option<String>,
            ),
        >(select)
        .bind(tenant.as_str())
        .bind(place.map(ToString::to_string))
        .bind(i64::from(most.min(MAX_PAGE)))
        .fetch_all(self.database.reader())
        .await
        .map_err(HqError::database("reading commands"))?;
        let row = |(id, place, name, arguments, issued, expires, author, outcome, at, details)| {
            let (head, rest): Columns =
                ((id, place, name, arguments), (issued, expires, author, outcome, at, details));
            command_row(head, rest)
        };
        rows.into_iter().map(row).collect()
    }

    /// Commands of nodes on the line of which nothing was heard, to be said again.
    pub(super) async fn commands_again(&self, now: UnixMillis) -> Result<Vec<Outgoing>, HqError> {
        // Those that are not over are few; in the order of boxes it would look at all there ever were.
        let select = "WITH waiting AS MATERIALIZED (
               SELECT place, seq, id, signed FROM commands
               WHERE expires_ms > $1 AND outcome IS NULL)
             SELECT w.place, w.id, w.signed FROM waiting w JOIN nodes n ON n.place = w.place
             WHERE n.presence = 'online' ORDER BY w.place, w.seq LIMIT $2";
        let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(select)
            .bind(int(now.0))
            .bind(i64::from(MAX_AGAIN))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading commands"))?;
        rows.into_iter()
            .map(|(place, id, bytes)| again(&parsed("a place", &place)?, &id, bytes))
            .collect()
    }
}

fn command_row(
    (id, place, name, arguments): (String, String, String, String),
    (issued, expires, author, outcome, at, details): (
        i64,
        i64,
        String,
        Option<String>,
        Option<i64>,
        Option<String>,
    ),
) -> Result<CommandRow, HqError> {
    let details = details.map(|text| from_json("a command's details", &text)).transpose()?;
    Ok(CommandRow {
        id,
        place,
        name,
        arguments: from_json("a command's arguments", &arguments)?,
        issued_ms: uint(issued),
        expires_ms: uint(expires),
        author,
        outcome,
        outcome_ms: at.map(uint),
        details,
    })
}

fn again(place: &Place, id: &str, payload: Vec<u8>) -> Result<Outgoing, HqError> {
    let topic = NodeTopic::Command(parsed("a command's id", id)?);
    let topic = Topic::Node(place.clone(), topic).to_string();
    Ok(Outgoing { topic, payload, retain: false })
}

/// What a node that has just come back is to hear of commands: those that it did not answer, and that
/// those before them will not come any more.
pub(super) async fn unanswered(
    hq: &Hq,
    change: &mut Transaction,
    place: &Place,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let reading = || HqError::database("reading commands");
    let select = "SELECT seq, id, signed FROM commands
         WHERE place = $1 AND outcome IS NULL AND expires_ms > $2 ORDER BY seq";
    let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(select)
        .bind(place.to_string())
        .bind(int(now.0))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let (last,): (i64,) =
        sqlx::query_as("SELECT coalesce(max(seq), 0) FROM commands WHERE place = $1")
            .bind(place.to_string())
            .fetch_one(&mut **change)
            .await
            .map_err(reading())?;
    // Commands of before the last start are counted in a ledger of their own.
    let mut gone = BTreeMap::from([(ledger(change).await?, last)]);
    let mut commands = Vec::new();
    for (seq, id, bytes) in rows {
        let counted = Envelope::parse(&bytes)?.counted;
        let Some(counted) = counted else { continue };
        let before = gone.entry(counted.ledger).or_insert(seq - 1);
        *before = (*before).min(seq - 1);
        commands.push(again(place, &id, bytes)?);
    }
    let mut messages = Vec::new();
    for (ledger, last) in gone.into_iter().filter(|(_, last)| *last > 0) {
        let gap = Message::Gap(Gap { first: 1, last: uint(last) });
        let envelope = hq.clock.envelope(&gap, now)?.counted(ledger, Stream::Cmd, uint(last));
        let id = MessageId(random()?);
        messages.push(Outgoing::to_node(place, NodeTopic::Command(id), &envelope)?);
    }
    messages.extend(commands);
    Ok(messages)
}

/// The ledger that counts commands; another with each start of the server.
pub(super) async fn ledger(change: &mut Transaction) -> Result<Ledger, HqError> {
    let reading = || HqError::database("reading the ledger of commands");
    let made = Ledger(random()?).to_string();
    sqlx::query("INSERT INTO settings (name, value) VALUES ('ledger', $1) ON CONFLICT DO NOTHING")
        .bind(made)
        .execute(&mut **change)
        .await
        .map_err(reading())?;
    let (text,): (String,) = sqlx::query_as("SELECT value FROM settings WHERE name = 'ledger'")
        .fetch_one(&mut **change)
        .await
        .map_err(reading())?;
    parsed("the ledger of commands", &text)
}

async fn next_seq(
    change: &mut Transaction,
    place: &Place,
    now: UnixMillis,
) -> Result<u64, HqError> {
    let select = "SELECT coalesce(max(seq), 0),
           coalesce(sum(CASE WHEN outcome IS NULL AND expires_ms > $2 THEN 1 ELSE 0 END), 0)
         FROM commands WHERE place = $1";
    let (last, waiting): (i64, i64) = sqlx::query_as(select)
        .bind(place.to_string())
        .bind(int(now.0))
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("counting commands"))?;
    if waiting >= MAX_WAITING {
        let (found, most) = (uint(waiting) + 1, uint(MAX_WAITING));
        return Err(HqError::TooMuch {
            what: "commands that a node has not answered",
            found,
            most,
        });
    }
    Ok(uint(last) + 1)
}

async fn insert(
    change: &mut Transaction,
    seq: u64,
    command: &Command,
    signed: &[u8],
    author: &str,
) -> Result<(), HqError> {
    let insert = "INSERT INTO commands
         (id, place, seq, name, arguments, issued_ms, expires_ms, signed, author)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(insert)
        .bind(command.id.to_string())
        .bind(command.target.to_string())
        .bind(int(seq))
        .bind(command.name.as_str())
        .bind(to_json("a command's arguments", &command.arguments)?)
        .bind(int(command.issued.0))
        .bind(int(command.expires.0))
        .bind(signed)
        .bind(author)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a command"))?;
    Ok(())
}
