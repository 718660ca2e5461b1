//! Packs from an export to what boxes fetch, and recalls from a push to who has confirmed them.

use futures_util::StreamExt as _;

use super::*;
use crate::hq::catalogues::Push;
use crate::hq::packs::{Aim, PackRow};
use crate::protocol::documents::*;

fn answer(number: u8) -> Vec<u8> {
    let fact = PackedFact { name: Text::cut("prices:1"), digest: Digest([number; 32]) };
    let answer = PackedAnswer {
        key: Digest([number; 32]),
        scope: PackScope::Store,
        provenance: PackedProvenance {
            route: Text::cut("copy"),
            model: Text::cut("tiny"),
            model_digest: Text::cut("aa"),
            template_digest: Text::cut("bb"),
            step: Some(Text::cut("model")),
            language: Some(Text::cut(if number > 2 { "de" } else { "en" })),
            seed: None,
        },
        stands_on: PackedRecord {
            facts: List::new(vec![fact]).unwrap(),
            read_s: 1,
            until_s: None,
            clock: None,
            tables: List::default(),
        },
        recipe: None,
        meaning: None,
        made_ms: 1,
        cost: PackedCost { prompt_tokens: 1, completion_tokens: 2, ms: 3 },
        // What does not compress, so that a delta is worth it.
        events: Blob::new(noise(number)).unwrap(),
    };
    answer.to_bytes().unwrap()
}

fn noise(seed: u8) -> Vec<u8> {
    let digest = |number: u32| Digest::of(&[&number.to_le_bytes()[..], &[seed]].concat()).0;
    (0..32).flat_map(digest).collect()
}

/// What a box exports that has these answers.
fn source(answers: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = PackSourceWriter::new(Vec::new()).unwrap();
    answers.iter().for_each(|answer| writer.write(answer).unwrap());
    writer.finish().unwrap()
}

/// The same of made-up answers.
pub(super) fn some() -> Vec<u8> {
    source(&[answer(1), answer(2)])
}

async fn exported(house: &House, answers: &[Vec<u8>]) -> Digest {
    house.hq.artefacts().put(source(answers)).await.unwrap()
}

async fn made(house: &House, numbers: &[u8]) -> PackRow {
    let answers: Vec<_> = numbers.iter().map(|number| answer(*number)).collect();
    let source = exported(house, &answers).await;
    let (tenant, name) = (place().tenant, "copy".parse().unwrap());
    house.hq.make_pack(&Actor::local(), &tenant, &name, source).await.unwrap()
}

async fn file(house: &House, digest: Digest) -> Vec<u8> {
    let size = house.hq.artefacts().size(digest).await.unwrap().expect("it is not there");
    let mut pieces = house.hq.artefacts().read(digest, 0..size).await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        all.extend(piece.unwrap());
    }
    all
}

async fn index(house: &House, pack: &PackRow) -> PackIndex {
    PackIndex::parse(&file(house, pack.digest.parse().unwrap()).await).unwrap()
}

fn node() -> Aim {
    Aim::Target(Target::Node(place()))
}

/// The version of a box's `cache` document, and the digest that it names.
async fn wanted(house: &House) -> Option<(u64, Digest)> {
    let wanted = house.hq.desired_of(&place()).await.unwrap();
    let cache = wanted.into_iter().find(|pointer| pointer.document == Document::Cache)?;
    Some((cache.version, cache.digest))
}

#[tokio::test]
async fn a_pack_has_every_answer_once_and_what_boxes_lack_that_have_the_one_before() {
    let house = House::new().await;
    let first = made(&house, &[1, 2]).await;
    assert_eq!((first.epoch, first.answers, first.delta_bytes), (1, 2, None));
    let second = made(&house, &[2, 3, 2]).await;
    assert_eq!((second.epoch, second.answers, second.wanted), (2, 2, 0));
    let contents = [("copy tiny de".to_owned(), 1), ("copy tiny en".to_owned(), 1)];
    assert_eq!(second.contents, contents.into());
    let index = index(&house, &second).await;
    index.check().unwrap();
    let whole = file(&house, index.packed.clone().unwrap().digest).await;
    let read = |bytes: &[u8], entries: Vec<PackEntry>| -> Vec<Vec<u8>> {
        let reader = PackReader::packed(bytes, entries.into_iter()).unwrap();
        reader.map(|entry| entry.unwrap().1).collect()
    };
    assert_eq!(read(&whole, index.entries.to_vec()), [answer(2), answer(3)]);
    let PackWay::Delta(delta) = index.way_from(&[first.digest.parse().unwrap()]) else {
        panic!("{index:?}")
    };
    assert_eq!(second.delta_bytes, Some(delta.artefact.size_bytes));
    let delta = file(&house, delta.artefact.digest).await;
    assert_eq!(read(&delta, vec![index.entries[1]]), [answer(3)]);
    let all = house.hq.packs(&place().tenant).await.unwrap();
    assert_eq!(all.iter().map(|pack| pack.epoch).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_pack_is_wanted_and_taken_back_step_by_step_until_there_is_none() {
    let house = House::new().await;
    let (hq, tenant, actor) = (&house.hq, place().tenant, Actor::local());
    assert!(hq.roll_back_pack(&actor, &tenant, &node(), None).await.is_err(), "there is none");
    let mut digests = Vec::new();
    for numbers in [[1, 2], [2, 3], [3, 4]] {
        let pack = made(&house, &numbers).await;
        hq.want_pack(&actor, &tenant, pack.epoch, &node(), None).await.unwrap();
        digests.push(pack.digest.parse().unwrap());
    }
    assert_eq!(wanted(&house).await, Some((3, digests[2])));
    // Whoever saw an older version does not overwrite this one.
    let late = hq.want_pack(&actor, &tenant, 1, &node(), Some(2)).await;
    assert!(matches!(late, Err(HqError::Overtaken { found: 3, .. })), "{late:?}");
    for (version, epoch) in [(4, Some(2)), (5, Some(1)), (6, None)] {
        let done = hq.roll_back_pack(&actor, &tenant, &node(), None).await.unwrap();
        assert_eq!((done[0].version, done[0].epoch), (version, epoch));
        let (found, digest) = wanted(&house).await.unwrap();
        assert_eq!(found, version);
        if let Some(epoch) = epoch {
            assert_eq!(digest, digests[epoch as usize - 1]);
        }
    }
    let empty = hq.desired_of(&place()).await.unwrap();
    let Contents::Inline(bytes) = &empty[0].contents else { panic!("{empty:?}") };
    assert!(PackIndex::parse(bytes).unwrap().entries.is_empty());
    assert!(hq.roll_back_pack(&actor, &tenant, &node(), None).await.is_err());
    // A store and all boxes are told box by box, and every act is written down.
    let store = Aim::Store(place().store);
    for aim in [store, Aim::All] {
        let done = hq.want_pack(&actor, &tenant, 3, &aim, None).await.unwrap();
        assert_eq!(done.len(), 1);
    }
    assert_eq!(hq.pack_of(&tenant, 3).await.unwrap().wanted, 1);
    let acts = hq.acts(None, 50).await.unwrap();
    let count = |name: &str| acts.iter().filter(|act| act.act == name).count();
    assert_eq!((count("pack.make"), count("document.publish")), (3, 8));
}

#[tokio::test]
async fn what_is_no_export_makes_no_pack() {
    let house = House::new().await;
    let (tenant, name) = (place().tenant, "copy".parse().unwrap());
    let make = async |source| {
        house.hq.make_pack(&Actor::local(), &tenant, &name, source).await.unwrap_err()
    };
    let text = house.hq.artefacts().put(b"no export".to_vec()).await.unwrap();
    let none = exported(&house, &[]).await;
    let other = exported(&house, &[b"no answer".to_vec()]).await;
    let groundless = {
        let mut answer = PackedAnswer::parse(&answer(1)).unwrap();
        answer.stands_on.facts = List::default();
        exported(&house, &[answer.to_bytes().unwrap()]).await
    };
    for source in [text, none, other, groundless] {
        let error = make(source).await;
        assert!(matches!(error, HqError::Value { field: "source", .. }), "{error}");
    }
    let missing = make(Digest([9; 32])).await;
    assert!(matches!(missing, HqError::Unknown { .. }), "{missing}");
    assert!(house.hq.packs(&tenant).await.unwrap().is_empty());
    // What is no pack cannot be wanted as one, whoever uploads it.
    let target = Target::Node(place());
    let draft = house.hq.draft_of_artefact(target, Document::Cache, text).await;
    assert!(matches!(draft, Err(HqError::Value { field: "artefact", .. })), "{draft:?}");
}

fn recall(id: &str, skus: &str) -> String {
    format!(
        "{{\"table\":\"recalls\",\"id\":\"{id}\",\"fact\":{{\"skus\":[{skus}],\
         \"reasons\":{{\"en\":\"glass\"}},\"since\":\"2026-01-01T00:00:00Z\"}}}}\n"
    )
}

async fn push(house: &House, lines: &str) {
    let main = "main".parse().unwrap();
    let mut push = Push::new(&house.hq, place().tenant, main, None).unwrap();
    push.update(lines.as_bytes()).unwrap();
    house.hq.push(&Actor::local(), push).await.unwrap();
}

/// The word of a box that the published recall is in force there.
async fn in_force(house: &House, speaker: &mut Speaker, seq: u64, id: &str) -> Incoming {
    let select = format!("SELECT digest FROM facts WHERE kind = 'recalls' AND id = '{id}'");
    let (digest,): (String,) =
        sqlx::query_as(&select).fetch_one(house.hq.database.reader()).await.unwrap();
    let fields = [
        ("recall", Value::from(id)),
        ("digest", Value::from(&*digest)),
        ("answers", Value::from(7)),
        ("makings", Value::from(1)),
        ("models", Value::from(2)),
        ("epoch", Value::from(1)),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect();
    let name = "recall.in_force".parse().unwrap();
    let event = Message::Event(Event { name, fields: Fields::new(fields).unwrap() });
    speaker.counted(Stream::Evt, seq, &event)
}

#[tokio::test]
async fn a_recall_is_confirmed_by_those_who_told_of_it_as_it_is_now_and_by_nobody_else() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let second = Place { node: "box-b".parse().unwrap(), ..place() };
    house.hq.registry().add_node(&Actor::local(), &second).await.unwrap();
    push(&house, &recall("r1", "\"41\"")).await;
    let (tenant, main) = (place().tenant, "main".parse().unwrap());
    let counts = async || {
        let recalls = house.hq.recalls(&tenant).await.unwrap();
        let [one] = &recalls[..] else { panic!("{recalls:?}") };
        (one.confirmed, one.silent, one.answers)
    };
    assert_eq!(counts().await, (0, 2, 0), "silence is no yes");
    let told = in_force(&house, &mut speaker, 1, "r1").await;
    for _ in 0..2 {
        house.hq.receive(std::slice::from_ref(&told), NOW).await.unwrap();
        assert_eq!(counts().await, (1, 1, 7));
    }
    let rows = house.hq.receipts(&tenant, &main, "r1").await.unwrap();
    let rows: Vec<_> =
        rows.iter().map(|row| (row.place.as_str(), row.confirmed, row.models)).collect();
    assert_eq!(rows, [("acme/store-1/box-b", false, 0), ("acme/store-1/box-a", true, 2)]);
    // What is recalled more now is confirmed anew.
    push(&house, &recall("r1", "\"41\",\"42\"")).await;
    assert_eq!(counts().await.0, 0);
    let told = in_force(&house, &mut speaker, 2, "r1").await;
    house.hq.receive(&[told], NOW).await.unwrap();
    assert_eq!(counts().await, (1, 1, 14));
    assert!(house.hq.receipts(&tenant, &main, "r9").await.is_err());
}
