//! The loop over a real artefact store, real files and a real record.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use redb::backends::InMemoryBackend;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::protocol::documents::artefact_path;
use crate::protocol::{
    Document, Identity, Key, Keys, News, Pointer, Reported, Role, Signed, Target,
};
use crate::reconcile::Surroundings;
use crate::reconcile::bundle::stage::{Stage, Work};
use crate::reconcile::bundle::{Files, Runner, recorder};
use crate::reconcile::fetch::tests::origin::{ArtefactStore, Fault};
use crate::reconcile::fetch::{FetchLimits, Fetcher};
use crate::state::{StateConfig, Store};

fn director() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Loads what has files, and answers as it is told.
struct Shelf {
    files: Files,
    memory: Mutex<Arrangement>,
    wrong: AtomicBool,
}

impl Stage for Shelf {
    fn arrange<'a>(&'a self, wanted: &'a Arrangement) -> Work<'a, Result<(), StageError>> {
        Box::pin(async move {
            for digest in [wanted.live, wanted.beside].into_iter().flatten() {
                if !self.files.path(digest).join("model/m/model.onnx").is_file() {
                    return Err(StageError("it has no model".to_owned()));
                }
            }
            *self.memory.lock().unwrap() = *wanted;
            Ok(())
        })
    }

    fn answer<'a>(&'a self, _: Digest, _: &'a Check) -> Work<'a, Result<String, StageError>> {
        let wrong = self.wrong.load(Ordering::Relaxed);
        Box::pin(async move { Ok(if wrong { "no" } else { "yes" }.to_owned()) })
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn running(&self) -> Work<'_, Result<Option<Digest>, StageError>> {
        Box::pin(async move { Ok(self.memory.lock().unwrap().live) })
    }
}

struct World {
    folder: tempfile::TempDir,
    hq: ArtefactStore,
    store: Store,
    stage: Arc<Shelf>,
    cancels: mpsc::Sender<u64>,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

fn files(folder: &Path) -> Files {
    Files::open(&folder.join("bundles")).unwrap()
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = "acme/store-1/box-a".parse().unwrap();
        let store = Store::on(InMemoryBackend::new, place, StateConfig::default()).unwrap();
        let stage = Arc::new(Shelf {
            files: files(folder.path()),
            memory: Mutex::default(),
            wrong: AtomicBool::new(false),
        });
        let (hq, stop) = (ArtefactStore::start().await, CancellationToken::new());
        let mut world =
            Self { folder, hq, store, stage, cancels: mpsc::channel(1).0, stop, task: None };
        world.start();
        world
    }

    fn start(&mut self) {
        let limits = FetchLimits {
            stall: Duration::from_millis(2000),
            max_idle_tries: 2,
            first_pause: Duration::from_millis(1),
            spare_bytes: 0,
            ..FetchLimits::default()
        };
        let folder = self.folder.path();
        let origins = vec![self.hq.origin(true)];
        let fetcher = Fetcher::new(&folder.join("downloads"), origins, None, limits).unwrap();
        let began = std::time::Instant::now();
        let around = Surroundings {
            time: Arc::new(move || {
                // A thousand times as fast as by the wall.
                let steady = u64::try_from(began.elapsed().as_micros()).unwrap();
                (Clock::Known(NOW.plus(steady)), steady)
            }),
            in_hours: Arc::new(|_| true),
            facts_epoch: Arc::new(|| None),
            gate: Arc::new(|_| Ok(())),
        };
        let key = Key { key: director().verifying_key(), role: Role::Director, until: None };
        let runner = Runner::new(
            self.store.clone(),
            Keys::new([key]),
            fetcher,
            files(folder),
            Arc::<Shelf>::clone(&self.stage),
            around,
        );
        let runner = runner.unwrap().looking_every(Duration::from_millis(5));
        let (cancels, cancelled) = mpsc::channel(1);
        self.cancels = cancels;
        self.stop = CancellationToken::new();
        self.task = Some(tokio::spawn(runner.run(cancelled, self.stop.clone())));
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
        *self.stage.memory.lock().unwrap() = Arrangement::default();
    }

    /// HQ wants a bundle whose document is in its artefact store.
    fn want(&self, version: u64, bundle: &Bundle) -> Digest {
        self.want_by(version, bundle, &director())
    }

    fn want_by(&self, version: u64, bundle: &Bundle, key: &SigningKey) -> Digest {
        let bytes = bundle.to_bytes().unwrap();
        let digest = self.hq.put(&bytes);
        let who = Identity { place: "acme/store-1/box-a".parse().unwrap(), groups: Vec::new() };
        let pointer = Pointer {
            target: Target::Node(who.place.clone()),
            document: Document::Bundle,
            version,
            digest,
            size_bytes: bytes.len() as u64,
            contents: Contents::Path(artefact_path(digest)),
            issued: NOW,
            expires: None,
        };
        let signed = Signed::sign(&pointer, &[key]).unwrap();
        let news = self
            .store
            .write(|writing| writing.record_desired(&who, Clock::Known(NOW), &signed, &pointer));
        assert_eq!(news.unwrap(), News::Newer);
        digest
    }

    fn reported(&self) -> Option<Reported> {
        self.store.reported().unwrap().pop()
    }

    #[track_caller]
    fn until(&self, version: u64, stage: State) -> impl Future<Output = Reported> {
        let caller = std::panic::Location::caller();
        async move {
            for _ in 0..2000 {
                let reported = self.reported().filter(|reported| reported.stage == stage);
                if let Some(reported) = reported.filter(|one| one.desired == Some(version)) {
                    return reported;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("{stage:?} was not reached at {caller}: {:?}", self.reported());
        }
    }
}

fn large(name: &str) -> (Bundle, Vec<u8>) {
    let bytes: Vec<u8> =
        (0..3_000_000u32).map(|at| (at % 253) as u8 ^ name.as_bytes()[0]).collect();
    let file =
        BundleFile { path: "model.onnx".parse().unwrap(), artefact: Artefact::of(&bytes).unwrap() };
    let again = BundleFile { path: "copy/of.onnx".parse().unwrap(), ..file.clone() };
    let mut bundle = bundle(name);
    let part = Part {
        kind: PartKind::Model,
        name: "m".parse().unwrap(),
        files: List::new(vec![file, again]).unwrap(),
    };
    bundle.parts = List::new(vec![part]).unwrap();
    (bundle, bytes)
}

#[tokio::test]
async fn a_bundle_comes_over_a_bad_line_is_placed_and_committed() {
    let mut world = World::new().await;
    let (bundle, bytes) = large("alpha");
    world.hq.put(&bytes);
    world.hq.order(&[Fault::Status(500), Fault::CutAfter(100_000), Fault::OtherBytes]);
    let digest = world.want(4, &bundle);
    let reported = world.until(4, State::Committed).await;
    assert_eq!(reported.observed, Some(digest));
    assert_eq!(reported.applied.unwrap().digest, digest);
    assert_eq!(world.stage.memory.lock().unwrap().live, Some(digest));
    for path in ["model/m/model.onnx", "model/m/copy/of.onnx"] {
        let path = world.stage.files.path(digest).join(path);
        assert!(std::fs::read(path).unwrap() == bytes);
    }
    let downloads = std::fs::read_dir(world.folder.path().join("downloads")).unwrap();
    assert!(downloads.count() <= 1, "only the document may be left");
    // After a restart it runs again, though HQ is away.
    world.stop().await;
    world.hq.always(Some(Fault::Status(503)));
    world.start();
    for _ in 0..1000 {
        if world.stage.memory.lock().unwrap().live == Some(digest) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not run after a restart");
}

#[tokio::test]
async fn a_bundle_that_fails_its_checks_goes_and_the_old_one_stays() {
    let world = World::new().await;
    let (good, bytes) = large("good");
    world.hq.put(&bytes);
    let good = world.want(1, &good);
    world.until(1, State::Committed).await;
    let (bad, bytes) = large("bad");
    world.hq.put(&bytes);
    world.want(2, &bad);
    world.until(2, State::Trial).await;
    world.stage.wrong.store(true, Ordering::Relaxed);
    let reported = world.until(2, State::Reverted).await;
    assert_eq!(reported.failure.unwrap().code.as_str(), "trial.check");
    for _ in 0..1000 {
        if world.reported().unwrap().observed == Some(good) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.reported().unwrap().observed, Some(good));
    assert_eq!(world.stage.memory.lock().unwrap().live, Some(good));
}

#[tokio::test]
async fn a_404_is_refused_and_a_fetch_in_progress_is_cancelled() {
    let world = World::new().await;
    world.want(1, &large("missing").0);
    let reported = world.until(1, State::Refused).await;
    assert_eq!(reported.failure.unwrap().code.as_str(), "fetching.refused");
    let (stuck, bytes) = large("stuck");
    world.hq.put(&bytes);
    world.want(2, &stuck);
    world.hq.always(Some(Fault::Status(503)));
    world.until(2, State::Offered).await;
    world.cancels.send(2).await.unwrap();
    let reported = world.until(2, State::Refused).await;
    assert!(reported.failure.unwrap().code.as_str().ends_with("cancelled"));
}

#[tokio::test]
async fn what_another_key_signed_is_not_begun() {
    let world = World::new().await;
    world.want_by(1, &bundle("evil"), &SigningKey::from_bytes(&[66; 32]));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(world.reported().is_none());
    assert_eq!(recorder::load(&world.store).unwrap(), Record::default());
    assert!(world.hq.asked().is_empty());
}

#[test]
fn a_folder_that_is_half_there_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, bytes) = (bundle("one"), b"one");
    let document = bundle.to_bytes().unwrap();
    let digest = Digest::of(&document);
    let downloads = folder.path().join("downloads");
    let fetcher = Fetcher::new(&downloads, Vec::new(), None, FetchLimits::default()).unwrap();
    let artefact = bundle.files().next().unwrap().1.artefact.digest;
    let place = |files: &Files| {
        std::fs::write(fetcher.path(artefact), bytes).unwrap();
        files.place(digest, &document, &bundle, &fetcher).unwrap();
        assert!(files.is_sound(digest, &bundle).unwrap());
        assert_eq!(files.document(digest).unwrap(), Some(document.clone()));
    };
    let opened = files(folder.path());
    place(&opened);
    // A file of it is damaged, or gone: it is made anew.
    let model = opened.path(digest).join("model/m/model.onnx");
    std::fs::remove_file(&model).unwrap();
    std::fs::write(&model, b"onf").unwrap();
    assert!(!opened.is_sound(digest, &bundle).unwrap());
    place(&opened);
    std::fs::remove_file(&model).unwrap();
    place(&opened);
    // What was being made or removed when the power failed goes at the next start.
    for name in ["new", "gone"] {
        let half = opened.path(digest).with_extension(name);
        std::fs::create_dir_all(half.join("model/m")).unwrap();
        let opened = files(folder.path());
        assert!(!half.exists());
        assert!(opened.is_sound(digest, &bundle).unwrap());
    }
    opened.keep_only(&[Digest([1; 32])]).unwrap();
    assert!(!opened.path(digest).exists());
}
