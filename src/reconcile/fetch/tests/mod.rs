//! Fetching from an artefact store with faults.

pub(crate) mod origin;

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::protocol::{List, UnixMillis};
use origin::{ArtefactStore, Fault};

const CHUNK: usize = 64 << 10;

fn limits() -> FetchLimits {
    FetchLimits {
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(1500),
        max_idle_tries: 3,
        first_pause: Duration::from_millis(1),
        max_pause: Duration::from_millis(4),
        max_request_bytes: 4 * CHUNK as u64,
        spare_bytes: 0,
    }
}

fn file(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8 ^ (at / CHUNK) as u8).collect()
}

/// An artefact in small chunks.
pub(super) fn artefact(bytes: &[u8]) -> Artefact {
    let chunks = bytes.chunks(CHUNK).map(Digest::of).collect();
    Artefact {
        size_bytes: bytes.len() as u64,
        digest: Digest::of(bytes),
        chunk_bytes: CHUNK as u32,
        chunks: List::new(chunks).unwrap(),
    }
}

struct World {
    folder: tempfile::TempDir,
    hq: ArtefactStore,
    bytes: Vec<u8>,
    artefact: Artefact,
    cancel: CancellationToken,
}

fn open(_: u64) -> Result<(), Hold> {
    Ok(())
}

impl World {
    async fn new(size: usize) -> Self {
        let hq = ArtefactStore::start().await;
        let bytes = file(size);
        hq.put(&bytes);
        let (folder, artefact) = (tempfile::tempdir().unwrap(), artefact(&bytes));
        Self { folder, hq, bytes, artefact, cancel: CancellationToken::new() }
    }

    fn fetcher(&self, origins: Vec<Origin>) -> Fetcher {
        Fetcher::new(self.folder.path(), origins, None, limits()).unwrap()
    }

    async fn fetch(&self) -> Result<PathBuf, FetchError> {
        self.fetcher(vec![self.hq.origin(true)]).file(&self.artefact, &open, &self.cancel).await
    }

    fn check(&self, fetched: Result<PathBuf, FetchError>) {
        assert!(std::fs::read(fetched.unwrap()).unwrap() == self.bytes);
        let names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [self.artefact.digest.to_string().as_str()], "something was left");
    }
}

#[tokio::test]
async fn a_file_comes_in_ranges_and_is_whole() {
    for size in [0, 1, CHUNK, CHUNK + 1, 9 * CHUNK + 7] {
        let world = World::new(size).await;
        world.check(world.fetch().await);
        assert_eq!(world.hq.asked().len(), size.div_ceil(4 * CHUNK));
        // Nothing is asked again.
        world.check(world.fetch().await);
        assert!(world.hq.asked().is_empty());
    }
}

#[tokio::test]
async fn what_came_before_a_cut_is_not_fetched_again() {
    let world = World::new(10 * CHUNK).await;
    let cut = Fault::CutAfter(2 * CHUNK + 10);
    world.hq.order(&[cut, cut, Fault::StandStillAfter(CHUNK + 1), Fault::Status(503)]);
    world.check(world.fetch().await);
    let asked: Vec<_> = world.hq.asked().into_iter().map(|range| range.unwrap().0).collect();
    let chunks: Vec<_> = asked.iter().map(|first| first / CHUNK as u64).collect();
    assert_eq!(chunks, [0, 2, 4, 5, 5, 9]);
}

#[tokio::test]
async fn a_fetch_goes_on_after_a_restart() {
    let world = World::new(10 * CHUNK).await;
    world.hq.order(&[Fault::CutAfter(3 * CHUNK)]);
    world.hq.always(Some(Fault::Status(500)));
    assert!(matches!(world.fetch().await, Err(FetchError::Unreachable { .. })));
    let fetcher = world.fetcher(vec![world.hq.origin(true)]);
    assert_eq!(fetcher.missing_bytes(&world.artefact), 7 * CHUNK as u64);
    world.hq.always(None);
    world.hq.asked();
    world.check(world.fetch().await);
    assert_eq!(world.hq.asked()[0], Some((3 * CHUNK as u64, 7 * CHUNK as u64 - 1)));
}

/// Whatever a power cut, another program or a bad disk made of it.
#[tokio::test]
async fn a_part_is_not_believed() {
    let world = World::new(5 * CHUNK + 3).await;
    let path = |extension: &str| {
        world.folder.path().join(format!("{}.{extension}", world.artefact.digest))
    };
    let mut damaged = world.bytes.clone();
    damaged[CHUNK + 5] ^= 1;
    for (part, note, asked) in [
        (&damaged[..], &[0xff][..], 1),
        (&damaged[..2 * CHUNK + 4], &[0xff], 2),
        (&world.bytes[..], &[0], 2),
        (&world.bytes[..], &[0b0010_0110], 2),
        (&[], &[0xff; 100], 2),
        (&[7; 10 * CHUNK], &[0xff], 2),
        (&world.bytes[..], &[], 2),
        (&world.bytes[..], &[0xff], 0),
    ] {
        std::fs::write(path("part"), part).unwrap();
        std::fs::write(path("have"), note).unwrap();
        world.check(world.fetch().await);
        assert_eq!(world.hq.asked().len(), asked, "{note:?}");
        std::fs::remove_file(world.folder.path().join(world.artefact.digest.to_string())).unwrap();
    }
}

#[tokio::test]
async fn a_404_ends_the_attempt() {
    let world = World::new(3 * CHUNK).await;
    for status in [404, 400, 410, 301] {
        world.hq.order(&[Fault::Status(status)]);
        let ended = world.fetch().await;
        assert!(
            matches!(ended, Err(FetchError::Refused { status: s }) if s == status),
            "{ended:?}"
        );
        assert_eq!(world.hq.asked().len(), 1, "{status} was asked again");
    }
}

#[tokio::test]
async fn a_box_that_is_not_let_in_stops_and_comes_again_with_another_token() {
    let world = World::new(3 * CHUNK).await;
    let token_file = world.folder.path().with_extension("token");
    let origin = Origin { token_file: Some(token_file.clone()), ..world.hq.origin(true) };
    let fetcher = world.fetcher(vec![origin]);
    world.hq.let_in("new");
    let missing = fetcher.file(&world.artefact, &open, &world.cancel).await.unwrap_err();
    assert!(matches!(missing, FetchError::Disk { .. }), "{missing}");
    std::fs::write(&token_file, "old\n").unwrap();
    let refused = fetcher.file(&world.artefact, &open, &world.cancel).await.unwrap_err();
    assert!(matches!(refused, FetchError::NotLetIn { status: 401 }), "{refused}");
    assert!(refused.may_pass() && world.hq.asked().len() == 1);
    std::fs::write(&token_file, "new\n").unwrap();
    let fetched = fetcher.file(&world.artefact, &open, &world.cancel).await;
    std::fs::remove_file(&token_file).unwrap();
    world.check(fetched);
}

#[tokio::test]
async fn wrong_bytes_are_never_taken_and_not_asked_for_for_ever() {
    let world = World::new(3 * CHUNK).await;
    world.hq.order(&[Fault::OtherBytes]);
    world.check(world.fetch().await);
    std::fs::remove_file(world.folder.path().join(world.artefact.digest.to_string())).unwrap();
    world.hq.asked();
    world.hq.always(Some(Fault::OtherBytes));
    assert!(matches!(world.fetch().await, Err(FetchError::Wrong)));
    assert_eq!(world.hq.asked().len(), 3);
    // One that sends a right chunk now and then and uses the line up otherwise ends, too.
    assert!(std::fs::read_dir(world.folder.path()).unwrap().count() <= 2);
}

#[tokio::test]
async fn chunks_that_do_not_make_the_named_file_are_a_contradiction() {
    let mut world = World::new(2 * CHUNK).await;
    let other = world.hq.put(&file(7));
    let bytes = world.bytes.clone();
    // The store has the chunks' bytes under the other name.
    world.artefact.digest = other;
    world.hq.put_at(other, &bytes);
    assert!(matches!(world.fetch().await, Err(FetchError::Contradiction)));
    assert_eq!(std::fs::read_dir(world.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_answer_without_ranges_is_used() {
    let world = World::new(6 * CHUNK).await;
    world.hq.order(&[Fault::CutAfter(3 * CHUNK)]);
    world.hq.order(&[Fault::WholeFile; 3]);
    world.check(world.fetch().await);
}

#[tokio::test]
async fn a_cancelled_fetch_ends_at_once_and_keeps_what_it_has() {
    let world = World::new(10 * CHUNK).await;
    world.hq.always(Some(Fault::StandStillAfter(CHUNK + 1)));
    let limits = FetchLimits { stall: Duration::from_secs(600), ..limits() };
    let origins = vec![world.hq.origin(true)];
    let fetcher = Fetcher::new(world.folder.path(), origins, None, limits).unwrap();
    let missing = || fetcher.missing_bytes(&world.artefact) / CHUNK as u64;
    let stop = async {
        while missing() > 9 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.cancel.cancel();
    };
    let fetch = fetcher.file(&world.artefact, &open, &world.cancel);
    let (ended, ()) = tokio::join!(fetch, stop);
    assert!(matches!(ended, Err(FetchError::Cancelled)));
    assert!(matches!(world.fetch().await, Err(FetchError::Cancelled)), "again is the same");
    assert_eq!(missing(), 9);
}

#[tokio::test]
async fn a_neighbour_is_asked_first_and_the_wan_for_the_rest() {
    let world = World::new(8 * CHUNK).await;
    let neighbour = ArtefactStore::start().await;
    let asked = AtomicU64::new(0);
    let gate = |bytes| {
        asked.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    };
    let fetcher = world.fetcher(vec![neighbour.origin(false), world.hq.origin(true)]);
    // It has no such file.
    world.check(fetcher.file(&world.artefact, &gate, &world.cancel).await);
    assert_eq!(asked.swap(0, Ordering::Relaxed), 8 * CHUNK as u64);
    fetcher.forget(world.artefact.digest).unwrap();
    // It breaks off.
    neighbour.put(&world.bytes);
    neighbour.order(&[Fault::CutAfter(3 * CHUNK)]);
    world.check(fetcher.file(&world.artefact, &gate, &world.cancel).await);
    assert_eq!(asked.swap(0, Ordering::Relaxed), 5 * CHUNK as u64);
    fetcher.forget(world.artefact.digest).unwrap();
    // It lies.
    neighbour.order(&[Fault::OtherBytes]);
    world.check(fetcher.file(&world.artefact, &gate, &world.cancel).await);
    fetcher.forget(world.artefact.digest).unwrap();
    asked.store(0, Ordering::Relaxed);
    world.check(fetcher.file(&world.artefact, &gate, &world.cancel).await);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing goes over the WAN");
}

#[tokio::test]
async fn bytes_wait_for_the_gate() {
    let world = World::new(10 * CHUNK).await;
    let left = AtomicU64::new(5 * CHUNK as u64);
    let hold = Hold::Budget { until: UnixMillis(77) };
    let gate = |bytes| {
        let take = |left: u64| left.checked_sub(bytes);
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(drop).map_err(|_| hold)
    };
    let fetcher = world.fetcher(vec![world.hq.origin(true)]);
    let ended = fetcher.file(&world.artefact, &gate, &world.cancel).await;
    assert!(matches!(ended, Err(FetchError::Held(found)) if found == hold), "{ended:?}");
    assert_eq!(world.hq.sent_bytes(), 4 * CHUNK as u64);
    left.store(u64::MAX, Ordering::Relaxed);
    world.check(fetcher.file(&world.artefact, &gate, &world.cancel).await);
    assert_eq!(world.hq.sent_bytes(), 10 * CHUNK as u64);
}

#[tokio::test]
async fn free_space_is_looked_at_before_the_first_byte() {
    let world = World::new(CHUNK).await;
    let limits = FetchLimits { spare_bytes: u64::MAX / 2, ..limits() };
    let origins = vec![world.hq.origin(true)];
    let fetcher = Fetcher::new(world.folder.path(), origins, None, limits).unwrap();
    let ended = fetcher.file(&world.artefact, &open, &world.cancel).await;
    assert!(matches!(ended, Err(FetchError::NoSpace { .. })), "{ended:?}");
    assert!(world.hq.asked().is_empty());
}

#[tokio::test]
async fn a_document_is_the_one_that_was_named_or_none() {
    let world = World::new(0).await;
    let fetcher = world.fetcher(vec![world.hq.origin(true)]);
    let digest = world.hq.put(b"a document");
    let bytes = fetcher.bytes(digest, 10, &world.cancel).await.unwrap();
    assert_eq!(bytes, b"a document");
    assert!(matches!(fetcher.bytes(digest, 9, &world.cancel).await, Err(FetchError::Wrong)));
    world.hq.always(Some(Fault::OtherBytes));
    assert!(matches!(fetcher.bytes(digest, 10, &world.cancel).await, Err(FetchError::Wrong)));
    world.hq.always(None);
    let missing = fetcher.bytes(Digest([1; 32]), 10, &world.cancel).await;
    assert!(matches!(missing, Err(FetchError::Refused { status: 404 })));
}

#[tokio::test]
async fn only_what_is_wanted_stays() {
    let world = World::new(2 * CHUNK).await;
    world.fetch().await.unwrap();
    let fetcher = world.fetcher(vec![]);
    for name in ["x", "00.part", &format!("{}.part", Digest([1; 32]))] {
        std::fs::write(world.folder.path().join(name), "x").unwrap();
    }
    fetcher.keep_only(&[world.artefact.digest].into()).unwrap();
    world.check(Ok(fetcher.path(world.artefact.digest)));
}
