//! A kept answer as it leaves the box, and as it comes.

use std::sync::Arc;

use crate::cache::entry::Tally;
use crate::cache::exact::Found;
use crate::cache::{Cost, Event, Events, Head, Key, Provenance, Recipe, Scope};
use crate::facts::{Name, Record, Seal, Table, UnixSeconds};
use crate::protocol::documents::{
    PackScope, PackedAnswer, PackedCost, PackedFact, PackedProvenance, PackedRecipe, PackedRecord,
};
use crate::protocol::{Blob, Digest, List, ProtocolError, Text};

/// Why an answer cannot be carried, or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unportable {
    /// It is larger than an answer on the wire may be, or not in the form it should have.
    #[error(transparent)]
    Form(#[from] ProtocolError),
    /// Its events are not what this program understands.
    #[error("the events of an answer")]
    Events(#[from] serde_json::Error),
    /// It stands on something that this program has no name for.
    #[error("an answer stands on `{0}`, which this program does not know")]
    Name(String),
    /// It is for one person, or for devices of one kind.
    #[error("an answer is for scope {0}")]
    Scope(Scope),
    /// It says nothing of what it stands on.
    #[error("an answer stands on nothing")]
    Groundless,
}

/// The answer for others.
pub(super) fn packed(
    found: &Found,
    events: &Events,
    seal: &Seal,
    meaning: Option<&[u8]>,
) -> Result<PackedAnswer, Unportable> {
    let head = &*found.head;
    let scope = match head.scope {
        Scope::Public => PackScope::Public,
        Scope::Store => PackScope::Store,
        other => return Err(Unportable::Scope(other)),
    };
    let told = &*head.provenance;
    let recipe = head.recipe.as_ref().map(|recipe| {
        let (maker, order) = (Text::new(&*recipe.maker)?, Blob::new(&*recipe.order)?);
        Ok::<_, ProtocolError>(PackedRecipe { maker, order })
    });
    let Cost { prompt_tokens, completion_tokens, ms } = head.cost;
    Ok(PackedAnswer {
        key: Digest(*head.key.bytes()),
        scope,
        provenance: PackedProvenance {
            route: Text::new(&*told.route)?,
            model: Text::new(&*told.model)?,
            model_digest: Text::new(&*told.model_digest)?,
            template_digest: Text::new(&*told.template_digest)?,
            step: told.step.as_deref().map(Text::new).transpose()?,
            language: told.language.as_deref().map(Text::new).transpose()?,
            seed: head.seed,
        },
        stands_on: sealed(seal)?,
        recipe: recipe.transpose()?,
        meaning: meaning.map(Blob::new).transpose()?,
        made_ms: head.made_ms,
        cost: PackedCost { prompt_tokens, completion_tokens, ms },
        events: Blob::new(serde_json::to_vec(&**events)?)?,
    })
}

fn sealed(seal: &Seal) -> Result<PackedRecord, ProtocolError> {
    let fact = |(name, digest): &(Name, [u8; 32])| {
        Ok(PackedFact { name: Text::new(name.to_string())?, digest: Digest(*digest) })
    };
    let facts = seal.facts.iter().map(fact).collect::<Result<_, ProtocolError>>()?;
    let tables = seal.tables.iter().map(|table| Text::new(table.as_str()));
    Ok(PackedRecord {
        facts: List::new(facts)?,
        read_s: seal.at.0,
        until_s: seal.until.map(|until| until.0),
        clock: seal.clock.as_deref().map(Text::new).transpose()?,
        tables: List::new(tables.collect::<Result<_, _>>()?)?,
    })
}

/// What an answer stands on.
pub(super) fn seal_of(answer: &PackedAnswer) -> Result<Seal, Unportable> {
    let unknown = |text: &str| Unportable::Name(text.chars().take(120).collect());
    let stands_on = &answer.stands_on;
    let fact = |fact: &PackedFact| {
        let name: Name = fact.name.parse().map_err(|_| unknown(&fact.name))?;
        Ok((name, fact.digest.0))
    };
    let table = |text: &Text<64>| text.parse::<Table>().map_err(|_| unknown(text));
    let facts: Vec<_> = stands_on.facts.iter().map(fact).collect::<Result<_, Unportable>>()?;
    // What stands on nothing would hold for ever.
    if facts.is_empty() {
        return Err(Unportable::Groundless);
    }
    Ok(Seal {
        facts,
        at: UnixSeconds(stands_on.read_s),
        until: stands_on.until_s.map(UnixSeconds),
        clock: stands_on.clock.as_deref().map(str::to_owned),
        tables: stands_on.tables.iter().map(table).collect::<Result<_, _>>()?,
    })
}

/// The events of an answer, and what they take in memory.
pub(super) fn events_of(answer: &PackedAnswer) -> Result<(Events, u64), Unportable> {
    let events: Vec<Event> = serde_json::from_slice(&answer.events)?;
    let bytes = events.iter().map(Event::bytes).sum::<usize>() as u64;
    Ok((events.into(), bytes))
}

/// The answer as it is kept here, standing on this record.
pub(super) fn taken_up(answer: &PackedAnswer, record: Record, bytes: u64) -> Head {
    let told = &answer.provenance;
    let PackedCost { prompt_tokens, completion_tokens, ms } = answer.cost;
    Head {
        key: Key::from_bytes(answer.key.0),
        scope: super::scope_of(answer.scope == PackScope::Store),
        provenance: Arc::new(Provenance {
            route: told.route.to_string(),
            model: told.model.to_string(),
            model_digest: told.model_digest.to_string(),
            template_digest: told.template_digest.to_string(),
            seed: None,
            step: told.step.as_deref().map(str::to_owned),
            language: told.language.as_deref().map(str::to_owned),
        }),
        seed: told.seed,
        record,
        recipe: answer
            .recipe
            .as_ref()
            .map(|recipe| Recipe { maker: recipe.maker.to_string(), order: recipe.order.to_vec() }),
        made_ms: answer.made_ms,
        cost: Cost { prompt_tokens, completion_tokens, ms },
        bytes,
        pack: None,
    }
}

/// The same as an entry that was asked for once.
pub(super) fn found(head: Head, now_ms: u64) -> Found {
    Found::of(head, Tally::new(1, now_ms))
}
