//! What is there after a restart, and after a power cut.

use super::*;
use crate::cache::store::{Disk, StoreError};
use endcap_testing::power_cut::Disk as Disc;

fn open(facts: &Facts, file: &std::path::Path, config: Config) -> Cache {
    Cache::open(config, facts.clone(), CacheMetrics::default(), file)
}

/// Waits for those who still work for it, as it is closed with the last of them.
async fn close(cache: Cache) {
    until(|| Arc::strong_count(&cache.0) == 1).await;
}

fn quick() -> Config {
    Config { write_pause: Duration::from_millis(1), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_there_after_a_restart_and_only_those_that_still_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (file, facts) = (folder.path().join("answers.redb"), facts());
    for sku in ["41", "42"] {
        price(&facts, sku, 3.49);
    }
    let cache = open(&facts, &file, quick());
    for sku in ["41", "42", "41"] {
        ask_text(&cache, ask(sku), &pricing(&facts, sku).0).await;
    }
    cache.flush();
    close(cache).await;
    price(&facts, "42", 2.99);
    let cache = open(&facts, &file, quick());
    assert_eq!(cache.kept().entries, 2);
    let asked = |sku| cache.why(&id(&ask(sku).key)).pop().unwrap().asked;
    assert_eq!((asked("41"), asked("42")), (2, 1));
    let (generate, _) = pricing(&facts, "41");
    assert_eq!(ask_text(&cache, ask("41"), &generate).await, ("exact", "3.49 USD".into()));
    let (generate, _) = pricing(&facts, "42");
    assert_eq!(ask_text(&cache, ask("42"), &generate).await, ("outdated", "2.99 USD".into()));
    // It is kept a moment after it is told, and none that is made during a purge is: the making is
    // over when nobody works for the cache any more.
    until(|| cache.kept().entries == 2 && Arc::strong_count(&cache.0) == 1).await;
    cache.purge(&Purge::Product("41".into()));
    cache.flush();
    close(cache).await;
    let cache = open(&facts, &file, quick());
    assert_eq!(cache.kept().entries, 1, "what was purged does not come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_persons_is_never_in_the_file_and_goes_with_a_purge_of_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    let (file, facts) = (folder.path().join("answers.redb"), facts());
    let cache = open(&facts, &file, quick());
    let (anna, bert) = (Scope::Shopper(ScopeId::of("anna")), Scope::Shopper(ScopeId::of("bert")));
    for scope in [anna, bert, Scope::Store] {
        let (generate, _) = saying(words(&["what only one may read"]));
        ask_text(&cache, ask_in(scope, "milk?"), &generate).await;
    }
    until(|| cache.kept().entries == 3).await;
    assert_eq!(cache.purge(&Purge::Scope(anna)).entries, 1);
    assert_eq!(cache.kept().entries, 2);
    cache.flush();
    close(cache).await;
    let bytes = std::fs::read(&file).unwrap();
    let found = bytes.windows(22).filter(|part| part == b"what only one may read").count();
    assert_eq!(found, 1, "that of the store");
    assert_eq!(open(&facts, &file, quick()).kept().entries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_leave_memory_and_come_back_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.redb");
    let config = Config { memory_bytes: 200_000, ..quick() };
    let cache = open(&facts(), &file, config);
    let body = "x".repeat(3_000);
    for at in 0..150 {
        let (generate, _) = saying(words(&[&body, &at.to_string()]));
        ask_text(&cache, ask(&at.to_string()), &generate).await;
        cache.flush();
    }
    let kept = cache.kept();
    assert_eq!(kept.entries, 150);
    assert!(kept.memory_bytes <= 200_000 && kept.disk_bytes > 400_000, "{kept:?}");
    for at in 0..150 {
        let (generate, _) = saying(words(&["wrong"]));
        let expected = ("exact", format!("{body}{at}"));
        assert_eq!(ask_text(&cache, ask(&at.to_string()), &generate).await, expected);
    }
    assert!(cache.kept().memory_bytes <= 200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_replaced_and_one_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.redb");
    std::fs::write(&file, b"this is no database, though it is there").unwrap();
    let cache = open(&facts(), &file, quick());
    let (generate, _) = saying(words(&["four"]));
    ask_text(&cache, ask("milk?"), &generate).await;
    cache.flush();
    let second = open(&facts(), &file, quick());
    assert_eq!(second.kept().entries, 0);
    ask_text(&second, ask("milk?"), &generate).await;
    close(cache).await;
    drop(second);
    assert_eq!(open(&facts(), &file, quick()).kept().entries, 1);
}

/// Keeps a first answer, replaces it, keeps a second and drops it, each on disk before the next.
async fn story(cache: &Cache) {
    for (question, answer) in [("a", "old"), ("b", "kept"), ("a", "new")] {
        let (generate, _) = saying(words(&[answer, &"x".repeat(5_000)]));
        let fresh = Policy { read: false, ..Policy::EXACT };
        ask_text(cache, Ask { policy: fresh, ..ask(question) }, &generate).await;
        cache.flush();
    }
    let (generate, _) = saying(words(&["?"]));
    let id = get(cache, ask("b"), &generate).await.status().id.clone().unwrap();
    cache.purge(&Purge::Answer(id));
    cache.flush();
}

fn cache_on(disc: &Disc, facts: &Facts) -> Result<Cache, StoreError> {
    let disk = Disk::with_backend(disc.clone())?;
    let kept = disk.take_up()?;
    let opened = (Arc::new(disk), kept);
    Ok(Cache::of_disk(quick(), facts.clone(), CacheMetrics::default(), opened))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_write_leaves_the_old_or_the_new() {
    let facts = facts();
    let whole = Disc::default();
    let cache = cache_on(&whole, &facts).unwrap();
    let made = whole.acts();
    story(&cache).await;
    close(cache).await;
    let acts = whole.acts();
    assert!(acts > 30, "{acts}");
    for cut in 0..acts {
        let disc = Disc::default();
        disc.cut_at(cut);
        if let Ok(cache) = cache_on(&disc, &facts) {
            story(&cache).await;
        }
        for image in disc.images(cut as u64) {
            match cache_on(&Disc::of(image), &facts) {
                Ok(cache) => old_or_new(&cache, cut).await,
                // The file had not come into being; such a one is replaced.
                Err(error) if error.is_damage() && cut < made => {}
                Err(error) => panic!("cut {cut} of {acts}: {error:?}"),
            }
        }
    }
}

async fn old_or_new(cache: &Cache, cut: usize) {
    let (generate, _) = saying(words(&["made anew"]));
    let (how, a) = ask_text(cache, ask("a"), &generate).await;
    let a = a.trim_end_matches('x');
    let right = matches!((how, a), ("exact", "old" | "new") | ("miss", "made anew"));
    assert!(right, "cut {cut}: {how} {a}");
    let (how, b) = ask_text(cache, ask("b"), &generate).await;
    let b = b.trim_end_matches('x');
    assert!(matches!((how, b), ("exact", "kept") | ("miss", "made anew")), "cut {cut}: {how} {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_while_nobody_was_there_is_made_again_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (file, facts) = (folder.path().join("answers.redb"), facts());
    price(&facts, "41", 3.49);
    let cache = open(&facts, &file, quick());
    for _ in 0..3 {
        ask_text(&cache, night::asked("41"), &pricing(&facts, "41").0).await;
    }
    cache.flush();
    close(cache).await;
    price(&facts, "41", 2.99);
    let cache = open(&facts, &file, quick());
    let tasks = [
        tokio::spawn(cache.clone().follow_facts()),
        tokio::spawn(cache.clone().work_at_night(night::Prices::of(&facts), |_| true)),
    ];
    until(|| cache.0.metrics.nights("prices", "made") == 1).await;
    let (generate, by_day) = pricing(&facts, "41");
    let told = ask_text(&cache, night::asked("41"), &generate).await;
    assert_eq!((told, by_day.load(Ordering::SeqCst)), (("exact", "2.99 USD".into()), 0));
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
