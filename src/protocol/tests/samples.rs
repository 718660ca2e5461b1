//! One envelope of every meaning, each with every field that it can have.

use ed25519_dalek::SigningKey;

use crate::protocol::*;

pub(super) fn director() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(super) fn facts_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

pub(super) fn place() -> Place {
    "acme/store-0042/box-a".parse().unwrap()
}

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

fn id(byte: u8) -> MessageId {
    MessageId([byte; 16])
}

fn ledger() -> Ledger {
    Ledger([0xa5; 8])
}

pub(super) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn fields() -> Fields {
    let values = [
        ("wait_ms", Value::from(1500)),
        ("ok", Value::from(true)),
        ("aisle", Value::from("Süß & Salzig")),
        ("least", Value::from(i64::MIN)),
    ];
    Fields::new(values.map(|(field, value)| (name(field), value)).into()).unwrap()
}

pub(super) fn pointer() -> Pointer {
    let contents = b"[engine]\nthreads = 2\n";
    Pointer {
        target: Target::Node(place()),
        document: Document::Config,
        version: 41,
        digest: Digest::of(contents),
        size_bytes: contents.len() as u64,
        contents: Contents::Inline(Blob::new(*contents).unwrap()),
        issued: NOW,
        expires: Some(NOW.plus(86_400_000)),
    }
}

fn bundle() -> Pointer {
    Pointer {
        target: "acme/grp/north".parse().unwrap(),
        document: Document::Bundle,
        version: 7,
        digest: Digest([1; 32]),
        size_bytes: 400_000_000,
        contents: Contents::Path(text("bundles/0101")),
        issued: NOW,
        expires: None,
    }
}

fn head() -> FactsHead {
    FactsHead {
        tenant: "acme".parse().unwrap(),
        catalogue: "main".parse().unwrap(),
        epoch: 900,
        root: Digest([2; 32]),
        path: text("facts/main"),
        issued: NOW,
        expires: Some(NOW.plus(1)),
    }
}

fn signed<T: Signable>(document: &T, key: &SigningKey) -> Signed<T> {
    Signed::sign(document, &[key]).unwrap()
}

fn ack() -> Ack {
    let above = List::new(vec![Run { first: 50, last: 60 }, Run::of(70)]).unwrap();
    Ack { ledger: ledger(), stream: Stream::Evt, through: 41, above, audit: None }
}

fn audit_ack() -> Ack {
    let stored = AuditStored {
        place: place(),
        ledger: ledger(),
        through: 41,
        last: 40,
        head: Digest([6; 32]),
        at: NOW,
    };
    Ack { stream: Stream::Audit, audit: Some(signed(&stored, &director())), ..ack() }
}

fn reported() -> Reported {
    Reported {
        document: Document::Bundle,
        desired: Some(7),
        stage: Stage::Reverted,
        applied: Some(Applied { version: 6, digest: Digest([3; 32]) }),
        observed: Some(Digest([3; 32])),
        at: NOW,
        failure: Some(Failure { code: name("probation.latency"), text: text("p95 over 900 ms") }),
        local: Some(LocalOverride {
            owner: text("store manager"),
            reason: text("mirror 2 is being repaired"),
            until: NOW.plus(3_600_000),
            digest: Digest([4; 32]),
        }),
    }
}

fn snapshot() -> Snapshot {
    let time = HqTime { target: place(), answers: id(3), at: NOW };
    Snapshot {
        time: signed(&time, &director()),
        desired: List::new(vec![signed(&pointer(), &director())]).unwrap(),
        facts: List::new(vec![signed(&head(), &facts_key())]).unwrap(),
        acks: List::new(vec![ack()]).unwrap(),
    }
}

fn messages() -> Vec<(&'static str, NodeTopic, Message)> {
    let command = Command {
        id: id(5),
        target: place(),
        name: name("cache.purge"),
        arguments: fields(),
        issued: NOW,
        expires: NOW.plus(60_000),
    };
    let state =
        CommandState { id: id(5), outcome: Outcome::Done, at: NOW, details: Fields::default() };
    let block = AuditBlock {
        first: 12,
        before: Digest([5; 32]),
        after: Digest([6; 32]),
        entries: List::new(vec![Blob::new(*b"one").unwrap(), Blob::default()]).unwrap(),
    };
    let line = LogLine {
        level: Level::Warn,
        room: name("sync"),
        sentence: text("the line broke"),
        fields: fields(),
    };
    let telemetry = Telemetry { from: NOW, until: NOW.plus(60_000), values: fields() };
    let ask = Ask {
        ledger: ledger(),
        have: List::new(vec![Have { document: Document::Config, version: 40 }]).unwrap(),
        sending: List::new(vec![Sending { stream: Stream::Evt, first: 42, next: 90 }]).unwrap(),
    };
    let lost = Presence { epoch: 300, state: PresenceState::Lost };
    vec![
        (
            "event",
            NodeTopic::Up(Stream::Evt),
            Message::Event(Event { name: name("handoff.opened"), fields: fields() }),
        ),
        ("telemetry", NodeTopic::Up(Stream::Tel), Message::Telemetry(telemetry)),
        ("audit_block", NodeTopic::Up(Stream::Audit), Message::Audit(block)),
        ("log_line", NodeTopic::Up(Stream::Log), Message::Log(line)),
        ("gap", NodeTopic::Up(Stream::Evt), Message::Gap(Gap { first: 2, last: 1000 })),
        ("ack", NodeTopic::Ack(Stream::Evt), Message::Ack(ack())),
        ("ack_audit", NodeTopic::Ack(Stream::Audit), Message::Ack(audit_ack())),
        (
            "desired",
            NodeTopic::Desired(Document::Config),
            Message::Desired(signed(&pointer(), &director())),
        ),
        ("reported", NodeTopic::Reported(Document::Bundle), Message::Reported(reported())),
        ("command", NodeTopic::Command(id(5)), Message::Command(signed(&command, &director()))),
        ("command_state", NodeTopic::Result(id(5)), Message::CommandState(state)),
        ("presence", NodeTopic::Presence, Message::Presence(lost)),
        ("ask", NodeTopic::Get, Message::Ask(ask)),
        ("snapshot", NodeTopic::Snapshot, Message::Snapshot(snapshot())),
    ]
}

/// Every meaning with the name of its golden file and its topic.
pub(super) fn all() -> Vec<(&'static str, Topic, Envelope)> {
    let of_node = |(name, topic, message)| (name, Topic::Node(place(), topic), message);
    let mut all: Vec<(&str, Topic, Message)> = messages().into_iter().map(of_node).collect();
    let group = bundle();
    let topic = Topic::desired(group.target.clone(), group.document);
    all.push(("desired_group", topic, Message::Desired(signed(&group, &director()))));
    let facts = head();
    let topic =
        Topic::FactsHead { tenant: facts.tenant.clone(), catalogue: facts.catalogue.clone() };
    all.push(("facts_head", topic, Message::FactsHead(signed(&facts, &facts_key()))));
    all.into_iter()
        .map(|(name, topic, message)| {
            let envelope = enveloped(&topic, &message);
            (name, topic, envelope)
        })
        .collect()
}

fn enveloped(topic: &Topic, message: &Message) -> Envelope {
    use NodeTopic::{Command, Get, Presence, Reported, Result, Snapshot, Up};
    let from_node =
        matches!(topic, Topic::Node(_, Up(_) | Reported(_) | Result(_) | Presence | Get));
    let source = if from_node { Source::Node(place()) } else { Source::Hq };
    let sender = Sender { source, boot: BootId([9; 8]) };
    let envelope = Envelope::new(&sender, id(1), HybridTime::at(NOW).next(), message).unwrap();
    match topic {
        Topic::Node(_, Up(stream)) => envelope.counted(ledger(), *stream, 1000),
        Topic::Node(_, Command(_)) => Envelope { expires: Some(NOW.plus(60_000)), ..envelope }
            .counted(ledger(), Stream::Cmd, 3),
        Topic::Node(_, Snapshot) => envelope.answering(id(3)),
        _ => envelope,
    }
}
