//! What is there after a restart, and after a power cut.

use std::io;
use std::sync::Mutex;

use redb::StorageBackend;

use super::*;
use crate::cache::store::Disk;

fn open(facts: &Facts, file: &std::path::Path, config: Config) -> Cache {
    Cache::open(config, facts.clone(), CacheMetrics::default(), file)
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
    drop(cache);
    price(&facts, "42", 2.99);
    let cache = open(&facts, &file, quick());
    assert_eq!(cache.kept().entries, 2);
    let (generate, _) = pricing(&facts, "41");
    assert_eq!(ask_text(&cache, ask("41"), &generate).await, ("exact", "USD 3.49".into()));
    let (generate, _) = pricing(&facts, "42");
    assert_eq!(ask_text(&cache, ask("42"), &generate).await, ("outdated", "USD 2.99".into()));
    cache.purge(&Purge::Product("41".into()));
    cache.flush();
    drop(cache);
    let cache = open(&facts, &file, quick());
    assert_eq!(cache.kept().entries, 1, "what was purged does not come back");
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
    drop((cache, second));
    assert_eq!(open(&facts(), &file, quick()).kept().entries, 1);
}

/// Bytes as they are and as they would be after a power cut: what was not synced may be lost.
#[derive(Debug, Clone, Default)]
struct Disc(Arc<Mutex<Images>>);

#[derive(Debug, Default)]
struct Images {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(u64, Vec<u8>)>,
    /// Writes and syncs until the power goes.
    left: Option<usize>,
    done: usize,
}

impl Images {
    fn step(&mut self) -> io::Result<()> {
        self.done += 1;
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn write_at(image: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let end = offset as usize + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset as usize..end].copy_from_slice(data);
}

impl StorageBackend for Disc {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let images = self.0.lock().unwrap();
        out.copy_from_slice(&images.live[offset as usize..offset as usize + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut images = self.0.lock().unwrap();
        images.step()?;
        images.live.resize(len as usize, 0);
        let durable = images.durable.len().max(len as usize);
        images.durable.resize(durable, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut images = self.0.lock().unwrap();
        images.step()?;
        let pending = std::mem::take(&mut images.pending);
        for (offset, data) in pending {
            write_at(&mut images.durable, offset, &data);
        }
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut images = self.0.lock().unwrap();
        images.step()?;
        write_at(&mut images.live, offset, data);
        images.pending.push((offset, data.to_vec()));
        Ok(())
    }
}

impl Disc {
    /// The disc after the power is back: of what was not synced, every other write is there.
    fn after_the_cut(&self, parity: usize) -> Self {
        let images = self.0.lock().unwrap();
        let mut durable = images.durable.clone();
        for (at, (offset, data)) in images.pending.iter().enumerate() {
            if at % 2 == parity {
                write_at(&mut durable, *offset, data);
            }
        }
        let live = durable.clone();
        Self(Arc::new(Mutex::new(Images { live, durable, ..Images::default() })))
    }
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

fn cache_on(disc: &Disc, facts: &Facts) -> Option<Cache> {
    let disk = Disk::with_backend(disc.clone()).ok()?;
    let kept = disk.take_up().ok()?;
    let opened = (Arc::new(disk), kept);
    Some(Cache::of_disk(quick(), facts.clone(), CacheMetrics::default(), opened))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_write_leaves_the_old_or_the_new() {
    let facts = facts();
    let whole = Disc::default();
    story(&cache_on(&whole, &facts).unwrap()).await;
    let steps = whole.0.lock().unwrap().done;
    assert!(steps > 30, "{steps}");
    for cut in 0..steps {
        let disc = Disc::default();
        disc.0.lock().unwrap().left = Some(cut);
        if let Some(cache) = cache_on(&disc, &facts) {
            story(&cache).await;
        }
        for parity in 0..2 {
            let after = disc.after_the_cut(parity);
            let Some(cache) = cache_on(&after, &facts) else {
                panic!("cut {cut}: the file is broken");
            };
            let (generate, _) = saying(words(&["made anew"]));
            let (how, text) = ask_text(&cache, ask("a"), &generate).await;
            let text = text.trim_end_matches('x');
            match how {
                "exact" => assert!(["old", "new"].contains(&text), "cut {cut}: {text}"),
                how => assert_eq!((how, text), ("miss", "made anew"), "cut {cut}"),
            }
            let (how, text) = ask_text(&cache, ask("b"), &generate).await;
            let text = text.trim_end_matches('x');
            assert!(matches!((how, text), ("exact", "kept") | ("miss", "made anew")), "cut {cut}");
        }
    }
}
