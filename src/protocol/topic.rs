//! Topics as types: every one of the protocol, and no other.

use std::fmt;
use std::str::FromStr;

use super::error::{ProtocolError, shortened};
use super::label::Label;
use super::limits::{MAX_LABEL_BYTES, MAX_TOPIC_LEVELS};
use super::octets::MessageId;
use super::place::{Place, Target};
use super::stream::{Document, Stream};

/// What all topics begin with; the number is the version of their form.
const ROOT: &str = "r/v1";

/// Longer than the longest topic.
const MAX_TOPIC_BYTES: usize = MAX_TOPIC_LEVELS * (MAX_LABEL_BYTES + 1);

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `…/{tenant}/{store}/{node}/…`: to or from one box.
    Node(Place, NodeTopic),
    /// `…/{tenant}/grp/{group}/des/{doc}`: a desired document for a group.
    Group {
        /// Whose group.
        tenant: Label,
        /// Its name.
        group: Label,
        /// Which document.
        document: Document,
    },
    /// `…/{tenant}/facts/{catalogue}/head`: the newest epoch of a catalogue of facts.
    FactsHead {
        /// Whose facts.
        tenant: Label,
        /// Which of them.
        catalogue: Label,
    },
}

/// The topics of one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeTopic {
    /// `up/{stream}`, node → HQ: from the outbox.
    Up(Stream),
    /// `ack/{stream}`, HQ → node: what HQ has stored.
    Ack(Stream),
    /// `rep/{doc}`, node → HQ: the reported document.
    Reported(Document),
    /// `des/{doc}`, HQ → node, retained: the signed pointer of the desired document.
    Desired(Document),
    /// `cmd/{id}`, HQ → node: a command.
    Command(MessageId),
    /// `res/{id}`, node → HQ: the command's state.
    Result(MessageId),
    /// `pres`, node → HQ, retained, and the will: presence.
    Presence,
    /// `get`, node → HQ: the question for the snapshot.
    Get,
    /// `snap`, HQ → node: the snapshot.
    Snapshot,
}

impl Topic {
    /// The topic as a desired document's target has it.
    #[must_use]
    pub fn desired(target: Target, document: Document) -> Self {
        match target {
            Target::Node(place) => Self::Node(place, NodeTopic::Desired(document)),
            Target::Group { tenant, group } => Self::Group { tenant, group, document },
        }
    }

    /// What a node subscribes to: its own topics, its groups' documents, the heads of its tenant's
    /// catalogues, of which one may be new.
    #[must_use]
    pub fn subscriptions(place: &Place, groups: &[Label]) -> Vec<String> {
        let own = ["ack/+", "des/+", "cmd/+", "snap"];
        let tenant = &place.tenant;
        own.iter()
            .map(|below| format!("{ROOT}/{place}/{below}"))
            .chain(groups.iter().map(|group| format!("{ROOT}/{tenant}/grp/{group}/des/+")))
            .chain([format!("{ROOT}/{tenant}/facts/+/head")])
            .collect()
    }

    /// What HQ subscribes to: what all nodes of a tenant send.
    #[must_use]
    pub fn hq_subscriptions(tenant: &Label) -> Vec<String> {
        let below = ["up/+", "rep/+", "res/+", "pres", "get"];
        below.iter().map(|below| format!("{ROOT}/{tenant}/+/+/{below}")).collect()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(place, topic) => write!(f, "{ROOT}/{place}/{topic}"),
            Self::Group { tenant, group, document } => {
                write!(f, "{ROOT}/{tenant}/grp/{group}/des/{document}")
            }
            Self::FactsHead { tenant, catalogue } => {
                write!(f, "{ROOT}/{tenant}/facts/{catalogue}/head")
            }
        }
    }
}

impl fmt::Display for NodeTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(stream) => write!(f, "up/{stream}"),
            Self::Ack(stream) => write!(f, "ack/{stream}"),
            Self::Reported(document) => write!(f, "rep/{document}"),
            Self::Desired(document) => write!(f, "des/{document}"),
            Self::Command(id) => write!(f, "cmd/{id}"),
            Self::Result(id) => write!(f, "res/{id}"),
            Self::Presence => f.write_str("pres"),
            Self::Get => f.write_str("get"),
            Self::Snapshot => f.write_str("snap"),
        }
    }
}

impl FromStr for Topic {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let refuse = || ProtocolError::Topic(shortened(text));
        if text.len() > MAX_TOPIC_BYTES {
            return Err(refuse());
        }
        let below = text.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/'));
        let levels: Vec<&str> = below.ok_or_else(refuse)?.split('/').collect();
        match levels[..] {
            [tenant, "grp", group, "des", document] => Ok(Self::Group {
                tenant: tenant.parse()?,
                group: group.parse()?,
                document: document.parse()?,
            }),
            [tenant, "facts", catalogue, "head"] => {
                Ok(Self::FactsHead { tenant: tenant.parse()?, catalogue: catalogue.parse()? })
            }
            [tenant, store, node, ref below @ ..] => {
                let place =
                    Place { tenant: tenant.parse()?, store: store.parse()?, node: node.parse()? };
                Ok(Self::Node(place, node_topic(below)?.ok_or_else(refuse)?))
            }
            _ => Err(refuse()),
        }
    }
}

fn node_topic(below: &[&str]) -> Result<Option<NodeTopic>, ProtocolError> {
    Ok(Some(match *below {
        ["up", stream] => NodeTopic::Up(stream.parse()?),
        ["ack", stream] => NodeTopic::Ack(stream.parse()?),
        ["rep", document] => NodeTopic::Reported(document.parse()?),
        ["des", document] => NodeTopic::Desired(document.parse()?),
        ["cmd", id] => NodeTopic::Command(parse_id(id)?),
        ["res", id] => NodeTopic::Result(parse_id(id)?),
        ["pres"] => NodeTopic::Presence,
        ["get"] => NodeTopic::Get,
        ["snap"] => NodeTopic::Snapshot,
        _ => return Ok(None),
    }))
}

/// An id in its one form, so that a topic parsed and printed is the same.
fn parse_id(text: &str) -> Result<MessageId, ProtocolError> {
    let id: MessageId = text.parse()?;
    if id.to_string() != text {
        return Err(ProtocolError::Topic(shortened(text)));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "000102030405060708090a0b0c0d0e0f";

    fn all() -> Vec<String> {
        let own = "r/v1/acme/store-1/box-a";
        let mut topics: Vec<String> = ["pres", "get", "snap"].map(|t| format!("{own}/{t}")).into();
        for stream in Stream::ALL {
            topics.extend(["up", "ack"].map(|t| format!("{own}/{t}/{stream}")));
        }
        for document in Document::ALL {
            topics.extend(["rep", "des"].map(|t| format!("{own}/{t}/{document}")));
            topics.push(format!("r/v1/acme/grp/north/des/{document}"));
        }
        topics.extend(["cmd", "res"].map(|t| format!("{own}/{t}/{ID}")));
        topics.push("r/v1/acme/facts/main/head".to_owned());
        topics
    }

    #[test]
    fn every_topic_goes_there_and_back_within_seven_levels() {
        for text in all() {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
            assert!(text.split('/').count() <= MAX_TOPIC_LEVELS, "{text}");
            assert!(text.bytes().all(|c| b"/-".contains(&c) || c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn no_other_text_is_a_topic() {
        for text in [
            "",
            "r",
            "r/v1",
            "r/v2/acme/store-1/box-a/pres",
            "r/v1/acme/store-1/box-a",
            "r/v1/acme/store-1/box-a/",
            "r/v1/acme/store-1/box-a/up",
            "r/v1/acme/store-1/box-a/up/x",
            "r/v1/acme/store-1/box-a/up/evt/x",
            "/r/v1/acme/store-1/box-a/pres",
            "r/v1/acme/grp/north/pres",
            "r/v1/acme/facts/main/pres",
            "r/v1/acme/facts/main",
            "r/v1/+/store-1/box-a/pres",
            "r/v1/acme/store-1/box-a/#",
            "r/v1/acme/Store/box-a/pres",
            "r/v1/acme/store-1/box-a/cmd/000102030405060708090A0B0C0D0E0F",
            "r/v1/acme/grp/north/des/bundle/x",
            "r/v1/acme/grp/box/pres/x",
            &"r/v1/a/".repeat(100),
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }

    /// As brokers match: `+` is one level.
    fn matches(filter: &str, topic: &str) -> bool {
        let (filter, topic): (Vec<_>, Vec<_>) =
            (filter.split('/').collect(), topic.split('/').collect());
        filter.len() == topic.len()
            && filter.iter().zip(topic).all(|(wanted, level)| *wanted == "+" || *wanted == level)
    }

    #[test]
    fn each_side_subscribes_to_what_the_other_sends() {
        let place: Place = "acme/store-1/box-a".parse().unwrap();
        let label = |text: &str| text.parse::<Label>().unwrap();
        let node = Topic::subscriptions(&place, &[label("north")]);
        let hq = Topic::hq_subscriptions(&label("acme"));
        for topic in all() {
            let to_node = node.iter().any(|filter| matches(filter, &topic));
            let to_hq = hq.iter().any(|filter| matches(filter, &topic));
            assert!(to_node != to_hq, "{topic}: node {to_node}, hq {to_hq}");
        }
    }
}
