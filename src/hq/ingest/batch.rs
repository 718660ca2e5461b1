//! Messages on their way into the database, as one change.

use std::collections::{BTreeMap, BTreeSet};

use super::acks::ack;
use super::boots::Boots;
use super::{Heard, Incoming, Outgoing, snapshot};
use crate::hq::commands::unanswered;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::figures::Tally;
use crate::hq::rows::{from_json, int, parsed, to_json, uint, word};
use crate::hq::service::Hq;
use crate::protocol::{
    Ask, Document, Label, Ledger, Message, MessageId, NodeTopic, Place, Presence, PresenceState,
    Stream, UnixMillis, Watermark,
};

/// Bytes of a message that was laid aside that are kept, to find out what was wrong with it.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// Messages that were laid aside of one node; its oldest leave.
const MAX_LAID_ASIDE: i64 = 1000;
/// Ledgers of one node in which a stream is counted: it begins one with each new disk. The ones that were
/// silent longest leave.
const MAX_LEDGERS: i64 = 64;

/// What is known of a node, and what changed of it.
pub(super) struct Node {
    presence: Option<Presence>,
    boots: Boots,
    ledger: Option<Ledger>,
    presence_ms: Option<UnixMillis>,
    /// Whether it was heard; what a broker kept of it says nothing new.
    heard: bool,
    /// Whether it counts from the beginning: it lost its disk, or there is another box.
    anew: bool,
}

/// One stream of one ledger of one node.
pub(super) type Of = (Place, Ledger, Stream);

/// A change that grows message by message.
pub(in crate::hq) struct Batch<'a> {
    pub(in crate::hq) hq: &'a Hq,
    pub(in crate::hq) change: Transaction,
    pub(in crate::hq) now: UnixMillis,
    /// Nodes that spoke; none where the registry does not have them.
    nodes: BTreeMap<Place, Option<Node>>,
    marks: BTreeMap<Of, Watermark>,
    /// Streams of which something came.
    touched: BTreeSet<Of>,
    asked: Vec<(Place, MessageId, Ask)>,
    /// Nodes whose audit log went on.
    pub(super) audited: BTreeSet<Place>,
    /// The last number given out for a document, where it was looked up.
    pub(in crate::hq) lasts: BTreeMap<(Label, Document), u64>,
}

impl<'a> Batch<'a> {
    pub(in crate::hq) async fn begin(hq: &'a Hq, now: UnixMillis) -> Result<Self, HqError> {
        let change = hq.database.begin().await?;
        Ok(Self {
            hq,
            change,
            now,
            nodes: BTreeMap::new(),
            marks: BTreeMap::new(),
            touched: BTreeSet::new(),
            asked: Vec::new(),
            audited: BTreeSet::new(),
            lasts: BTreeMap::new(),
        })
    }

    /// Takes one message.
    pub(super) async fn take(&mut self, from: &Incoming, heard: &Heard) -> Result<(), HqError> {
        let Some(node) = self.node(&heard.place).await? else {
            tracing::debug!(place = %heard.place, "a message of a box that is not registered");
            return Ok(());
        };
        // A broker keeps presences alone: each is looked at by itself.
        node.heard |= heard.topic != NodeTopic::Presence;
        let message = match &heard.message {
            Ok(message) => message,
            Err(error) => return self.lay_aside(from, heard, &error.to_string()).await,
        };
        match (heard.topic, message) {
            (NodeTopic::Up(_), message) => self.counted(heard, message).await,
            (NodeTopic::Presence, Message::Presence(presence)) => {
                self.presence(heard, *presence);
                Ok(())
            }
            (NodeTopic::Reported(_), Message::Reported(reported)) => {
                self.reported(heard, reported).await
            }
            (NodeTopic::Result(_), Message::CommandState(state)) => self.result(heard, state).await,
            (NodeTopic::Get, Message::Ask(ask)) => {
                for have in ask.have.iter() {
                    self.learn(&heard.place, have.document, have.version, None).await?;
                }
                self.ask(heard, ask.clone());
                Ok(())
            }
            _ => {
                let why = "a node does not say this here";
                self.lay_aside(from, heard, why).await
            }
        }
    }

    /// Keeps a message that cannot be taken, and lets its stream go on behind it.
    pub(super) async fn lay_aside(
        &mut self,
        from: &Incoming,
        heard: &Heard,
        why: &str,
    ) -> Result<(), HqError> {
        if self.node(&heard.place).await?.is_none() {
            return Ok(());
        }
        if let (NodeTopic::Up(stream), Some(counted)) = (heard.topic, heard.envelope.counted) {
            let run = crate::protocol::Run::of(counted.seq);
            if counted.stream != stream || !self.advance(heard, counted, run).await? {
                return Ok(());
            }
        }
        Tally::add(&self.hq.tally.laid_aside, 1);
        tracing::warn!(place = %heard.place, topic = %heard.topic, why, "a message was laid aside");
        let kept = from.payload.get(..MAX_KEPT_BYTES).unwrap_or(&from.payload);
        let insert = "INSERT INTO laid_aside (place, topic, why, payload, at_ms)
             VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(heard.topic.to_string())
            .bind(why)
            .bind(kept)
            .bind(int(self.now.0))
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("laying a message aside"))?;
        let delete = "DELETE FROM laid_aside WHERE place = $1 AND id <= (
             SELECT id FROM laid_aside WHERE place = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
        sqlx::query(delete)
            .bind(heard.place.to_string())
            .bind(MAX_LAID_ASIDE)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("removing what was laid aside"))?;
        Ok(())
    }

    /// The node, read once a batch.
    async fn node(&mut self, place: &Place) -> Result<Option<&mut Node>, HqError> {
        if !self.nodes.contains_key(place) {
            let node = read_node(&mut self.change, place).await?;
            self.nodes.insert(place.clone(), node);
        }
        Ok(self.nodes.get_mut(place).and_then(Option::as_mut))
    }

    fn presence(&mut self, heard: &Heard, presence: Presence) {
        let now = self.now;
        let Some(Some(node)) = self.nodes.get_mut(&heard.place) else { return };
        if presence.replaces(node.presence.as_ref()) {
            node.presence = Some(presence);
            node.presence_ms = Some(now);
            node.heard = true;
        }
    }

    fn ask(&mut self, heard: &Heard, ask: Ask) {
        if let Some(Some(node)) = self.nodes.get_mut(&heard.place) {
            if node.boots.hear(heard.envelope.boot, self.now) {
                tracing::warn!(place = %heard.place, "two boxes speak in one name");
            }
            if node.ledger.replace(ask.ledger).is_some_and(|known| known != ask.ledger) {
                // Its connections are counted from 1 again, and all of them would be taken for old.
                node.presence = Some(Presence { epoch: 0, state: PresenceState::Online });
                node.presence_ms = Some(self.now);
                node.anew = true;
            }
        }
        self.asked.push((heard.place.clone(), heard.envelope.id, ask));
    }

    /// How far a stream has come; kept here until the end.
    pub(super) async fn mark(&mut self, of: &Of) -> Result<&mut Watermark, HqError> {
        if !self.marks.contains_key(of) {
            let (place, ledger, stream) = of;
            let mark = read_mark(&mut self.change, place, *ledger, *stream).await?;
            self.marks.insert(of.clone(), mark);
        }
        Ok(self.marks.entry(of.clone()).or_default())
    }

    pub(super) fn touch(&mut self, of: Of) {
        self.touched.insert(of);
    }

    /// Writes down what changed; gives the change, not yet committed, and what is to be said after it.
    pub(in crate::hq) async fn end(mut self) -> Result<(Transaction, Vec<Outgoing>), HqError> {
        self.write_marks().await?;
        self.write_nodes().await?;
        self.sign_heads().await?;
        let mut answers = Vec::new();
        for of @ (place, _, stream) in &self.touched {
            let Some(mark) = self.marks.get(of) else { continue };
            let ack = ack(self.hq, &mut self.change, of, mark, self.now).await?;
            let ack = Message::Ack(ack);
            let envelope = self.hq.clock.envelope(&ack, self.now)?;
            answers.push(Outgoing::to_node(place, NodeTopic::Ack(*stream), &envelope)?);
        }
        for (place, question, ask) in std::mem::take(&mut self.asked) {
            let wanted = self.wanted(&place, &ask).await?;
            let asked = snapshot::Asked { place: &place, question, ask: &ask, now: self.now };
            let change = &mut self.change;
            answers.push(snapshot::answer(self.hq, change, &asked, &wanted).await?);
            answers.extend(unanswered(self.hq, change, &place, self.now).await?);
        }
        Ok((self.change, answers))
    }

    async fn write_marks(&mut self) -> Result<(), HqError> {
        let update = "UPDATE marks SET mark = $4, at_ms = $5
             WHERE place = $1 AND ledger = $2 AND stream = $3";
        let insert = "INSERT INTO marks (place, ledger, stream, mark, at_ms)
             VALUES ($1, $2, $3, $4, $5)";
        for of @ (place, ledger, stream) in &self.touched {
            let Some(mark) = self.marks.get(of) else { continue };
            let mark = to_json("a watermark", mark)?;
            for write in [update, insert] {
                let written = sqlx::query(write)
                    .bind(place.to_string())
                    .bind(ledger.to_string())
                    .bind(stream.as_str())
                    .bind(&mark)
                    .bind(int(self.now.0))
                    .execute(&mut *self.change)
                    .await
                    .map_err(HqError::database("writing a watermark"))?;
                if write == insert {
                    forget_ledgers(&mut self.change, place, *stream).await?;
                }
                if written.rows_affected() > 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn write_nodes(&mut self) -> Result<(), HqError> {
        let update =
            "UPDATE nodes SET heard_ms = coalesce($2, heard_ms), epoch = $3, presence = $4,
             presence_ms = coalesce($5, presence_ms), ledger = coalesce($6, ledger), boot = $7,
             boot_before = $8, turns = $9, doubled_ms = $10 WHERE place = $1";
        for (place, node) in &self.nodes {
            let Some(node) = node else { continue };
            if node.anew {
                forget_times(&mut self.change, place).await?;
            }
            let state = node.presence.map(|presence| word(&presence.state));
            sqlx::query(update)
                .bind(place.to_string())
                .bind(node.heard.then(|| int(self.now.0)))
                .bind(int(node.presence.map_or(0, |presence| presence.epoch)))
                .bind(state.unwrap_or_else(|| "never".to_owned()))
                .bind(node.presence_ms.map(|at| int(at.0)))
                .bind(node.ledger.map(|ledger| ledger.to_string()))
                .bind(node.boots.last.map(|boot| boot.to_string()))
                .bind(node.boots.before.map(|boot| boot.to_string()))
                .bind(i64::from(node.boots.turns))
                .bind(node.boots.doubled.map(|at| int(at.0)))
                .execute(&mut *self.change)
                .await
                .map_err(HqError::database("writing a node"))?;
        }
        Ok(())
    }
}

/// Lets go of a stream's oldest ledgers where a node has more than are kept.
async fn forget_ledgers(
    change: &mut Transaction,
    place: &Place,
    stream: Stream,
) -> Result<(), HqError> {
    let delete = "DELETE FROM marks WHERE place = $1 AND stream = $2 AND ledger NOT IN (
           SELECT ledger FROM marks WHERE place = $1 AND stream = $2
           ORDER BY at_ms DESC, ledger LIMIT $3)";
    sqlx::query(delete)
        .bind(place.to_string())
        .bind(stream.as_str())
        .bind(MAX_LEDGERS)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("removing old watermarks"))?;
    Ok(())
}

/// Lets whatever a node says next be newer than what it said before: the times of a box that lost its
/// disk begin with its clock, and the one before may have been ahead.
async fn forget_times(change: &mut Transaction, place: &Place) -> Result<(), HqError> {
    for update in [
        "UPDATE reported SET time = 0 WHERE place = $1",
        "UPDATE commands SET time = 0 WHERE place = $1",
    ] {
        sqlx::query(update)
            .bind(place.to_string())
            .execute(&mut **change)
            .await
            .map_err(HqError::database("forgetting when a node spoke"))?;
    }
    Ok(())
}

/// What the database has of a node.
async fn read_node(change: &mut Transaction, place: &Place) -> Result<Option<Node>, HqError> {
    type Columns = (i64, String, Option<String>, Option<String>, Option<String>, i64, Option<i64>);
    let select = "SELECT epoch, presence, ledger, boot, boot_before, turns, doubled_ms
         FROM nodes WHERE place = $1 AND revoked_ms IS NULL";
    let row: Option<Columns> = sqlx::query_as(select)
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading a node"))?;
    let Some((epoch, word, ledger, last, before, turns, doubled)) = row else { return Ok(None) };
    let ledger = ledger.map(|text| parsed("a ledger", &text)).transpose()?;
    let boot = |text: Option<String>| text.map(|text| parsed("a boot id", &text)).transpose();
    let boots = Boots {
        last: boot(last)?,
        before: boot(before)?,
        turns: u32::try_from(turns).unwrap_or(0),
        doubled: doubled.map(|at| UnixMillis(uint(at))),
    };
    let presence = presence_of(&word).map(|state| Presence { epoch: uint(epoch), state });
    let (presence_ms, heard, anew) = (None, false, false);
    Ok(Some(Node { presence, boots, ledger, presence_ms, heard, anew }))
}

fn presence_of(word: &str) -> Option<PresenceState> {
    match word {
        "online" => Some(PresenceState::Online),
        "left" => Some(PresenceState::Left),
        "lost" => Some(PresenceState::Lost),
        _ => None,
    }
}

/// A stream's watermark as it is in the database.
pub(super) async fn read_mark(
    change: &mut Transaction,
    place: &Place,
    ledger: Ledger,
    stream: Stream,
) -> Result<Watermark, HqError> {
    let select = "SELECT mark FROM marks WHERE place = $1 AND ledger = $2 AND stream = $3";
    let row: Option<(String,)> = sqlx::query_as(select)
        .bind(place.to_string())
        .bind(ledger.to_string())
        .bind(stream.as_str())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading a watermark"))?;
    row.map_or_else(|| Ok(Watermark::default()), |(text,)| from_json("a watermark", &text))
}
