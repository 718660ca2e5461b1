//! HQ as a node sees it: stores once, acknowledges, answers.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;

use super::*;

pub(super) fn director() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

#[derive(Debug, Default)]
pub(super) struct Hq {
    marks: BTreeMap<(Ledger, Stream), Watermark>,
    /// Heads of audit logs after each block, by its number.
    heads: BTreeMap<(Ledger, u64), Digest>,
    /// Whether it signs what it has of audit logs; older ones do not.
    pub(super) unsigned: bool,
    /// How often each number took effect, by stream.
    pub(super) effects: BTreeMap<(Stream, i64), u32>,
    /// Numbers of messages that were declared lost and are not here.
    pub(super) gaps: BTreeMap<Stream, BTreeSet<u64>>,
    /// The numbers in the stream of what was stored.
    pub(super) stored: BTreeMap<Stream, BTreeSet<u64>>,
    pub(super) presence: Option<Presence>,
    pub(super) outcomes: BTreeMap<MessageId, Outcome>,
    pub(super) desired: Option<Signed<Pointer>>,
    pub(super) commands: Vec<(MessageId, Vec<u8>)>,
    /// What nodes may not do: say something before they asked in this connection.
    pub(super) asked: bool,
}

pub(super) fn place() -> Place {
    "acme/store-1/box-a".parse().unwrap()
}

pub(super) fn say(topic: NodeTopic, message: &Message, now: UnixMillis) -> (String, Envelope) {
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    let id = MessageId([now.0 as u8; 16]);
    let envelope = Envelope::new(&sender, id, HybridTime::at(now), message).unwrap();
    (Topic::Node(place(), topic).to_string(), envelope)
}

impl Hq {
    /// Takes a message; what is said in answer.
    pub(super) fn receive(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: UnixMillis,
    ) -> Vec<(String, Vec<u8>)> {
        let topic: Topic = topic.parse().unwrap();
        let envelope = Envelope::parse(payload).unwrap();
        let message = envelope.message_at(&topic).unwrap();
        let answer = match message {
            Message::Ask(ask) => Some(self.answer(envelope.id, &ask, now)),
            Message::Presence(heard) => {
                if heard.replaces(self.presence.as_ref()) {
                    self.presence = Some(heard);
                }
                None
            }
            Message::CommandState(state) => {
                self.outcomes.insert(state.id, state.outcome);
                None
            }
            Message::Reported(_) => None,
            message => Some(self.store(envelope.counted.unwrap(), &message, now)),
        };
        answer.into_iter().map(|(topic, envelope)| (topic, envelope.to_bytes().unwrap())).collect()
    }

    fn store(
        &mut self,
        counted: Counted,
        message: &Message,
        now: UnixMillis,
    ) -> (String, Envelope) {
        let run = match message {
            Message::Gap(gap) => Run { first: gap.first, last: gap.last },
            _ => Run::of(counted.seq),
        };
        let mark = self.marks.entry((counted.ledger, counted.stream)).or_default();
        if let Taken::New(new) = mark.take(run) {
            let seqs = new.iter().flat_map(|run| run.first..=run.last);
            match number(message) {
                Some(number) => {
                    *self.effects.entry((counted.stream, number)).or_default() += 1;
                    self.stored.entry(counted.stream).or_default().extend(seqs);
                }
                None => self.gaps.entry(counted.stream).or_default().extend(seqs),
            }
        }
        if let Message::Audit(block) = message {
            self.heads.insert((counted.ledger, counted.seq), block.after);
        }
        let ack = self.ack(counted.ledger, counted.stream, now);
        say(NodeTopic::Ack(counted.stream), &Message::Ack(ack), now)
    }

    /// How far a stream is here, and of the audit log with a signature.
    pub(super) fn ack(&self, ledger: Ledger, stream: Stream, now: UnixMillis) -> Ack {
        let none = Watermark::default();
        let mark = self.marks.get(&(ledger, stream)).unwrap_or(&none);
        let ack = Ack::of(ledger, stream, mark).unwrap();
        if stream != Stream::Audit || self.unsigned {
            return ack;
        }
        let through = ack.through;
        let last = self.heads.range((ledger, 0)..=(ledger, through)).next_back();
        let (last, head) = last.map_or((0, Digest([0; 32])), |((_, seq), head)| (*seq, *head));
        let stored = AuditStored { place: place(), ledger, through, last, head, at: now };
        Ack { audit: Some(Signed::sign(&stored, &[&director()]).unwrap()), ..ack }
    }

    fn answer(&mut self, question: MessageId, ask: &Ask, now: UnixMillis) -> (String, Envelope) {
        self.asked = true;
        let time = HqTime { target: place(), answers: question, at: now };
        let ack = |sending: &Sending| self.ack(ask.ledger, sending.stream, now);
        let snapshot = Snapshot {
            time: Signed::sign(&time, &[&director()]).unwrap(),
            desired: List::new(self.desired.iter().cloned().collect()).unwrap(),
            facts: List::default(),
            acks: List::new(ask.sending.iter().map(ack).collect()).unwrap(),
        };
        let (topic, envelope) = say(NodeTopic::Snapshot, &Message::Snapshot(snapshot), now);
        (topic, envelope.answering(question))
    }

    /// A new version of the settings.
    pub(super) fn want(&mut self, version: u64, now: UnixMillis) -> (String, Vec<u8>) {
        let contents = version.to_string();
        let pointer = Pointer {
            target: Target::Node(place()),
            document: Document::Config,
            version,
            digest: Digest::of(contents.as_bytes()),
            size_bytes: contents.len() as u64,
            contents: Contents::Inline(Blob::new(contents.into_bytes()).unwrap()),
            issued: now,
            expires: None,
        };
        let signed = Signed::sign(&pointer, &[&director()]).unwrap();
        self.desired = Some(signed.clone());
        let topic = NodeTopic::Desired(Document::Config);
        let (topic, envelope) = say(topic, &Message::Desired(signed), now);
        (topic, envelope.to_bytes().unwrap())
    }

    /// A new command.
    pub(super) fn command(&mut self, now: UnixMillis) {
        let seq = self.commands.len() as u64 + 1;
        let id = MessageId([seq as u8; 16]);
        let command = command(id, now);
        let message = Message::Command(Signed::sign(&command, &[&director()]).unwrap());
        let (_, envelope) = say(NodeTopic::Command(id), &message, now);
        let envelope = envelope.counted(Ledger([2; 8]), Stream::Cmd, seq);
        self.commands.push((id, envelope.to_bytes().unwrap()));
    }

    /// Commands of which nothing was heard, to be said again.
    pub(super) fn unheard(&self) -> Vec<(String, Vec<u8>)> {
        let unheard = self.commands.iter().filter(|(id, _)| !self.outcomes.contains_key(id));
        unheard
            .map(|(id, bytes)| {
                (Topic::Node(place(), NodeTopic::Command(*id)).to_string(), bytes.clone())
            })
            .collect()
    }
}

/// The number in an event or in an audit block; a gap has none.
fn number(message: &Message) -> Option<i64> {
    match message {
        Message::Event(event) => match event.fields.get("number") {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        },
        Message::Audit(block) => Some(block.first as i64),
        _ => None,
    }
}

/// A command to the node.
pub(super) fn command(id: MessageId, now: UnixMillis) -> Command {
    Command {
        id,
        target: place(),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        issued: now,
        expires: now.plus(86_400_000),
    }
}
