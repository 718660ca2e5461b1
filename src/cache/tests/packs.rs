//! Answers that were made in one shop and are given in another.

use super::*;
use crate::cache::store::{Disk, StoreError};
use crate::protocol::documents::{
    Artefact, PackEntry, PackIndex, PackReader, PackWriter, PackedAnswer,
};
use crate::protocol::{Digest, List};
use endcap_testing::power_cut::Disk as Disc;

const SKUS: [&str; 4] = ["41", "42", "43", "44"];

/// A shop with these prices, which came after others: no revision is that of another shop.
fn shop(prices: &[(&str, f64)], detours: usize) -> Facts {
    let facts = facts();
    for detour in 0..detours {
        price(&facts, "99", detour as f64 + 1.0);
    }
    prices.iter().for_each(|(sku, amount)| price(&facts, sku, *amount));
    facts
}

fn prices() -> Vec<(&'static str, f64)> {
    SKUS.iter().map(|sku| (*sku, 3.49)).collect()
}

fn quick() -> Config {
    Config { write_pause: Duration::from_millis(1), ..Config::default() }
}

/// A box with a disk.
struct Shop {
    cache: Cache,
    facts: Facts,
    disc: Disc,
}

fn opened(disc: &Disc, facts: &Facts, config: Config) -> Result<Cache, StoreError> {
    let disk = Disk::with_backend(disc.clone())?;
    let kept = disk.take_up()?;
    Ok(Cache::of_disk(config, facts.clone(), CacheMetrics::default(), (Arc::new(disk), kept)))
}

impl Shop {
    fn new(facts: Facts) -> Self {
        Self::with(facts, quick())
    }

    fn with(facts: Facts, config: Config) -> Self {
        let disc = Disc::default();
        Self { cache: opened(&disc, &facts, config).unwrap(), facts, disc }
    }

    /// Asks for a price as a skill does whose model says it.
    async fn ask(&self, sku: &str) -> (&'static str, String, usize) {
        let (generate, count) = checked(&self.facts, sku);
        let (how, text) = ask_text(&self.cache, question(sku), &generate).await;
        // A making is kept a moment after it was told.
        until(|| !matches!(how, "miss" | "outdated") || self.keeps(sku)).await;
        (how, text, count.load(Ordering::SeqCst))
    }

    fn keeps(&self, sku: &str) -> bool {
        !self.cache.why(&id(&question(sku).key)).is_empty()
    }

    fn why(&self, sku: &str) -> Why {
        self.cache.why(&id(&question(sku).key)).pop().unwrap()
    }

    fn install(&self, pack: &Pack) -> Result<Installed, PackError> {
        self.cache.install(&pack.index, pack.digest, pack.read(&pack.packed, |_| true))
    }
}

fn question(sku: &str) -> Ask {
    let told = Provenance {
        route: "copy".into(),
        model: "tiny".into(),
        model_digest: "aa".into(),
        language: Some("en".into()),
        ..Provenance::default()
    };
    Ask { provenance: told, ..ask(sku) }
}

/// A maker whose text every check let pass.
fn checked(facts: &Facts, sku: &str) -> (Generate, Arc<AtomicUsize>) {
    let (inner, count) = pricing(facts, sku);
    let generate: Generate =
        Arc::new(move || Ok(inner()?.chain(iter([Ok(Step::By("model"))])).boxed()));
    (generate, count)
}

/// A pack as HQ makes it.
struct Pack {
    index: PackIndex,
    digest: Digest,
    packed: Vec<u8>,
}

impl Pack {
    fn of(epoch: u64, answers: &[Vec<u8>]) -> Self {
        let mut writer = PackWriter::new(Vec::new()).unwrap();
        answers.iter().for_each(|answer| writer.write(answer).unwrap());
        let packed = writer.finish().unwrap();
        let entry = |bytes: &Vec<u8>| PackEntry {
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u32,
        };
        let index = PackIndex {
            epoch,
            artefact: Artefact::of(&answers.concat()).unwrap(),
            entries: List::new(answers.iter().map(entry).collect()).unwrap(),
            packed: Some(Artefact::of(&packed).unwrap()),
            deltas: None,
            name: Some("prices".parse().unwrap()),
        };
        let digest = Digest::of(&index.to_bytes().unwrap());
        Self { index, digest, packed }
    }

    /// Those entries of a file that `has` tells are in it.
    fn read<'a>(
        &self,
        file: &'a [u8],
        has: impl Fn(&Digest) -> bool,
    ) -> impl Iterator<Item = Result<(PackEntry, Vec<u8>), crate::protocol::documents::StreamError>> + 'a
    {
        let entries: Vec<_> =
            self.index.entries.iter().copied().filter(|entry| has(&entry.digest)).collect();
        PackReader::packed(file, entries.into_iter()).unwrap()
    }
}

fn everything() -> Choice {
    Choice {
        routes: vec!["copy".into()],
        languages: Vec::new(),
        min_asked: 1,
        max_answers: 1000,
        max_bytes: 1 << 30,
    }
}

/// The answers to these, made in a shop of their own, as they are exported; in this order.
async fn made(skus: &[&str], amount: f64) -> Vec<Vec<u8>> {
    let prices: Vec<_> = skus.iter().map(|sku| (*sku, amount)).collect();
    let maker = Shop::new(shop(&prices, 0));
    for sku in skus {
        assert_eq!(maker.ask(sku).await.2, 1);
    }
    let mut export = maker.cache.export(&everything()).unwrap();
    let mut answers: Vec<_> = std::iter::from_fn(|| export.next_answer()).collect();
    let place = |answer: &Vec<u8>| {
        let key = PackedAnswer::parse(answer).unwrap().key.0;
        skus.iter().position(|sku| *question(sku).key.bytes() == key)
    };
    answers.sort_by_key(place);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_in_another_shop_without_a_making_as_long_as_its_facts_are_the_same() {
    let pack = Pack::of(7, &made(&SKUS, 3.49).await);
    let there = Shop::new(shop(&prices(), 3));
    assert_eq!(there.install(&pack).unwrap().entries, 4);
    for _ in 0..2 {
        assert_eq!(there.ask("41").await, ("exact", "3.49 USD".into(), 0));
    }
    let why = there.why("41");
    let mark = why.pack.unwrap();
    assert_eq!((mark.epoch, mark.name.as_deref()), (7, Some("prices")));
    assert_eq!(why.standing, "its facts are as they were");
    let mut reader = there.facts.reader(UnixSeconds::now());
    drop(reader.price("41"));
    let here: Vec<_> =
        reader.finish().read.into_iter().map(|(name, at)| (name.to_string(), at.0)).collect();
    assert_eq!(why.facts, here, "it stands on this shop's facts now");
    price(&there.facts, "41", 2.99);
    assert_eq!(there.ask("41").await, ("outdated", "2.99 USD".into(), 1));
    assert_eq!(there.why("41").pack, None, "it was made here");
    assert_eq!(there.ask("42").await, ("exact", "3.49 USD".into(), 0), "the others live");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_comes_before_its_facts_is_silent_until_they_are_there() {
    let pack = Pack::of(1, &made(&["41"], 3.49).await);
    let there = Shop::new(shop(&[("41", 9.99)], 0));
    there.install(&pack).unwrap();
    assert_eq!(there.cache.census(&|_| true).other_facts, 1);
    assert_eq!(there.ask("41").await, ("miss", "9.99 USD".into(), 1));
    price(&there.facts, "41", 3.49);
    assert_eq!(there.cache.census(&|digest| digest == "aa").ready, 1);
    assert_eq!(there.cache.census(&|digest| digest == "bb").no_model, 1);
    assert_eq!(there.ask("41").await, ("exact", "3.49 USD".into(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_one_person_unchecked_old_or_seldom_stays_at_home() {
    let facts = shop(&prices(), 0);
    let home = Shop::new(facts.clone());
    for sku in ["41", "41", "42"] {
        home.ask(sku).await;
    }
    let in_scope = |scope, sku: &str| Ask { scope, ..ask_in(scope, sku) };
    let person = Scope::Shopper(ScopeId::of("anna"));
    for (ask, (generate, _)) in [
        (in_scope(person, "43"), checked(&facts, "43")),
        (in_scope(Scope::DeviceClass(ScopeId::of("kiosk")), "43"), checked(&facts, "43")),
        (question("44"), pricing(&facts, "44")),
    ] {
        let told = question("43").provenance;
        ask_text(&home.cache, Ask { provenance: told, ..ask }, &generate).await;
    }
    let (chat, _) = checked(&facts, "43");
    ask_text(&home.cache, ask("a chat"), &chat).await;
    until(|| home.cache.kept().entries == 6).await;
    let taken = |choice: Choice| {
        let mut export = home.cache.export(&choice).unwrap();
        let count = std::iter::from_fn(|| export.next_answer()).count();
        (count, export.left_out().clone())
    };
    let (count, left_out) = taken(everything());
    assert_eq!((count, left_out), (2, [("scope", 2), ("unchecked", 1)].into()));
    let (count, left_out) = taken(Choice { min_asked: 2, ..everything() });
    assert_eq!((count, left_out["seldom"]), (1, 1));
    let (count, left_out) = taken(Choice { languages: vec!["de".into()], ..everything() });
    assert_eq!((count, left_out["language"]), (0, 2));
    let (count, left_out) = taken(Choice { max_answers: 1, ..everything() });
    assert_eq!((count, left_out["limit"]), (1, 1));
    let (count, left_out) = taken(Choice { max_bytes: 10, ..everything() });
    assert_eq!((count, left_out["limit"]), (0, 2));
    price(&facts, "41", 1.0);
    let (count, left_out) = taken(everything());
    assert_eq!((count, left_out["facts"]), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_goes_as_a_set_and_the_one_before_comes_back_from_the_disk() {
    let first = Pack::of(1, &made(&["41", "42"], 3.49).await);
    let second = Pack::of(2, &made(&["42", "43"], 3.49).await);
    let there = Shop::new(shop(&prices(), 1));
    assert!(!there.cache.roll_back(first.digest).unwrap(), "nothing to go back to");
    there.install(&first).unwrap();
    assert_eq!(there.ask("41").await.0, "exact");
    assert_eq!(there.ask("44").await.0, "miss");
    there.install(&second).unwrap();
    let sets = |shop: &Shop| {
        let (current, previous) = shop.cache.packs();
        (current.map(|pack| pack.epoch), previous.map(|pack| pack.epoch))
    };
    assert_eq!(sets(&there), (Some(2), Some(1)));
    assert_eq!(there.cache.observed_pack(), Some(second.digest));
    for (sku, how) in [("41", "miss"), ("43", "exact"), ("44", "exact")] {
        assert_eq!(there.ask(sku).await.0, how, "{sku}");
    }
    assert!(there.cache.roll_back(first.digest).unwrap());
    assert_eq!(sets(&there), (Some(1), Some(2)));
    for (sku, how) in [("43", "miss"), ("42", "exact"), ("44", "exact")] {
        assert_eq!(there.ask(sku).await.0, how, "{sku}");
    }
    assert_eq!(there.why("41").pack, None, "what was made here stays");
    // After a restart it is so, too.
    there.cache.flush();
    let Shop { cache, facts, disc } = there;
    until(|| Arc::strong_count(&cache.0) == 1).await;
    drop(cache);
    let there = Shop { cache: opened(&disc, &facts, quick()).unwrap(), facts, disc };
    assert_eq!(sets(&there), (Some(1), Some(2)));
    assert_eq!(there.ask("42").await, ("exact", "3.49 USD".into(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_makes_the_same_as_everything() {
    let answers = made(&SKUS, 3.49).await;
    let old = Pack::of(1, &answers[..3]);
    let new = Pack::of(2, &answers[1..]);
    let delta = Pack::of(0, &answers[3..]).packed;
    let (by_delta, by_all) = (Shop::new(shop(&prices(), 0)), Shop::new(shop(&prices(), 1)));
    by_delta.install(&old).unwrap();
    let held = by_delta.cache.pack_entries(old.digest).unwrap();
    let lacking = |digest: &Digest| !held.contains(digest);
    by_delta.cache.install(&new.index, new.digest, new.read(&delta, lacking)).unwrap();
    by_all.install(&new).unwrap();
    let (one, other) = (by_delta.cache.packs().0, by_all.cache.packs().0);
    assert_eq!(one, other);
    assert_eq!(by_delta.cache.observed_pack(), by_all.cache.observed_pack());
    for sku in SKUS {
        assert_eq!(by_delta.ask(sku).await.0, by_all.ask(sku).await.0, "{sku}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_cut_or_lacks_an_entry_does_not_come_and_the_one_before_stays() {
    let answers = made(&SKUS, 3.49).await;
    let (old, new) = (Pack::of(1, &answers[..2]), Pack::of(2, &answers));
    let there = Shop::new(shop(&prices(), 0));
    there.install(&old).unwrap();
    let cut = &new.packed[..new.packed.len() - 1];
    let refused = there.cache.install(&new.index, new.digest, new.read(cut, |_| true));
    assert!(matches!(refused, Err(PackError::Entries(_))), "{refused:?}");
    let nothing = std::iter::empty::<Result<_, std::io::Error>>();
    let refused = there.cache.install(&new.index, new.digest, nothing);
    assert!(matches!(refused, Err(PackError::Lacking { .. })), "{refused:?}");
    assert_eq!(there.cache.observed_pack(), Some(old.digest));
    assert_eq!(there.ask("41").await.0, "exact");
    let memory = cache_of(&there.facts);
    let refused = memory.install(&new.index, new.digest, new.read(&new.packed, |_| true));
    assert!(matches!(refused, Err(PackError::NoDisk)));
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_have_a_share_of_their_own_and_push_nothing_out() {
    let config = Config { disk_bytes: 64 << 10, ..quick() };
    let there = Shop::with(shop(&prices(), 0), config);
    for number in 0..30 {
        let (generate, _) = saying(words(&["four"]));
        ask_text(&there.cache, ask(&number.to_string()), &generate).await;
    }
    until(|| there.cache.kept().entries == 30).await;
    there.cache.flush();
    let skus: Vec<String> = (100..140).map(|sku| sku.to_string()).collect();
    let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
    let pack = Pack::of(1, &made(&skus, 3.49).await);
    let installed = there.install(&pack).unwrap();
    assert!(installed.entries > 3 && installed.no_room > 3, "{installed:?}");
    assert_eq!(installed.entries + installed.no_room, 40);
    let state = there.cache.packs().0.unwrap();
    assert!(state.disk_bytes <= (64 << 10) / 8, "{state:?}");
    assert_eq!(there.cache.kept().entries, 30, "what was made here is all there");
    assert_eq!(there.cache.census(&|_| true).no_room, installed.no_room as u64);
    // The next one has the same share, and the first is given up for it.
    let next = Pack::of(2, &made(&skus, 2.49).await);
    there.install(&next).unwrap();
    assert_eq!(there.cache.packs().1, None);
    assert!(there.cache.packs().0.unwrap().disk_bytes <= (64 << 10) / 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_or_recalled_is_not_given_by_a_pack() {
    let answers = made(&SKUS, 3.49).await;
    let there = Shop::new(shop(&prices(), 0));
    there.install(&Pack::of(1, &answers)).unwrap();
    assert_eq!(there.ask("41").await.0, "exact");
    there.cache.purge(&Purge::Product("41".into()));
    there.cache.purge(&Purge::Answer(id(&question("42").key)));
    assert_eq!((there.ask("41").await.0, there.ask("42").await.0), ("miss", "miss"));
    there.cache.purge(&Purge::Product("41".into()));
    there.cache.purge(&Purge::Answer(id(&question("42").key)));
    // Nor by the next one that has it.
    there.install(&Pack::of(2, &answers)).unwrap();
    assert_eq!((there.ask("41").await.0, there.ask("42").await.0), ("miss", "miss"));
    assert_eq!(there.cache.census(&|_| true).purged, 2);
    recall(&there.facts, "r", "43");
    assert_eq!(there.ask("43").await.0, "miss", "it was made before anybody knew");
    assert_eq!(there.ask("44").await.0, "exact");
    there.cache.purge(&Purge::All);
    assert_eq!(there.ask("44").await.0, "miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_write_of_an_install_leaves_the_old_pack_or_the_new() {
    let answers = made(&SKUS, 3.49).await;
    let (old, new) = (Pack::of(1, &answers[..2]), Pack::of(2, &answers[1..]));
    let facts = shop(&prices(), 0);
    let with_old = |disc: &Disc| {
        let cache = opened(disc, &facts, quick())?;
        drop(cache.install(&old.index, old.digest, old.read(&old.packed, |_| true)));
        Ok::<_, StoreError>(cache)
    };
    let story = |cache: &Cache| {
        drop(cache.install(&new.index, new.digest, new.read(&new.packed, |_| true)));
        drop(cache.roll_back(old.digest));
    };
    let whole = Disc::default();
    let cache = with_old(&whole).unwrap();
    let begin = whole.acts();
    story(&cache);
    let acts = whole.acts();
    drop(cache);
    assert!(acts > begin + 6, "{begin} {acts}");
    for cut in begin..acts {
        let disc = Disc::default();
        disc.cut_at(cut);
        let cache = with_old(&disc).unwrap();
        story(&cache);
        drop(cache);
        for image in disc.images(cut as u64) {
            let cache = opened(&Disc::of(image), &facts, quick()).unwrap();
            let there = Shop { cache, facts: facts.clone(), disc: Disc::default() };
            let observed = there.cache.observed_pack().unwrap();
            let given = SKUS.map(|sku| there.cache.0.packs.holds(&question(sku).key));
            let expected = if observed == old.digest {
                [true, true, false, false]
            } else {
                [false, true, true, true]
            };
            assert!([old.digest, new.digest].contains(&observed), "cut {cut}");
            assert_eq!(given, expected, "cut {cut}");
            assert_eq!(there.ask("42").await, ("exact", "3.49 USD".into(), 0), "cut {cut}");
        }
    }
}
