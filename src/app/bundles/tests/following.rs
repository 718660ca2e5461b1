//! Bundles decided about by the real machine and made so by the real shelf, in a time of the test's
//! own.

use std::sync::Arc;

use super::shop::*;
use crate::api::shelf::Shelf as _;
use crate::protocol::documents::{Bundle, TrialRules};
use crate::protocol::{Blob, Clock, Contents, Digest, List, Stage as State, UnixMillis};
use crate::reconcile::bundle::{Input, Machine, Moved, Offer, Record, Stage as _, View, Want};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A box: its disk, and what is written of its machine.
struct Walk {
    shop: Shop,
    machine: Machine,
    view: View,
    /// What is on the disk of the machine.
    written: Record,
    moved: Vec<Moved>,
    /// How many writes there were, and before which of them the power fails.
    writes: usize,
    cut: Option<usize>,
}

/// The power failed.
#[derive(Debug)]
struct Dark;

impl Walk {
    fn new(shop: Shop) -> Self {
        let view = View {
            clock: Clock::Known(NOW),
            steady_ms: 0,
            in_hours: true,
            free_bytes: 1 << 40,
            missing_bytes: 0,
            facts_epoch: Some(3),
            program: env!("CARGO_PKG_VERSION").parse().unwrap(),
        };
        let (machine, written) = (Machine::new(Record::default()), Record::default());
        Self { shop, machine, view, written, moved: Vec::new(), writes: 0, cut: None }
    }

    /// The program starts again with what was written.
    fn restart(self) -> Self {
        let Self { shop, written, view, .. } = self;
        let mut again = Self::new(shop.restarted());
        again.view = View { steady_ms: 0, ..view };
        again.machine = Machine::new(written.clone());
        again.written = written;
        again.feed(Input::Started).unwrap();
        again
    }

    /// The record is written before anything is done about it; the power may fail before and after.
    fn feed(&mut self, input: Input) -> Result<(), Dark> {
        self.machine.handle(input, &self.view);
        let Some(moved) = self.machine.take_changes() else { return Ok(()) };
        for written in [false, true] {
            if self.cut == Some(self.writes) {
                return Err(Dark);
            }
            self.writes += 1;
            if !written {
                self.written = self.machine.record().clone();
            }
        }
        self.moved.extend(moved);
        Ok(())
    }

    async fn act(&mut self) -> Result<bool, Dark> {
        let (files, stage) = (&self.shop.files, &self.shop.stage);
        let input = match self.machine.wants() {
            Want::Nothing => return Ok(false),
            Want::Document(offer) => {
                let bytes = files.document(offer.digest).unwrap().unwrap();
                Input::Document(Ok(Arc::new(Bundle::parse(&bytes).unwrap())))
            }
            Want::Fetch(offer, bundle) => {
                assert!(files.is_sound(offer.digest, &bundle).unwrap(), "it is laid there");
                Input::Fetched(Ok(()))
            }
            Want::Arrange(wanted) => Input::Arranged(wanted, stage.arrange(&wanted).await),
            Want::Check(digest, bundle) => {
                let mut result = Ok(());
                for check in bundle.trial.checks.iter() {
                    let answer = stage.answer(digest, check).await;
                    let passes = answer.map(|answer| check.passes(&answer));
                    result = match passes {
                        Ok(true) => result,
                        other => Err(format!("{other:?}")),
                    };
                }
                Input::Checked(result)
            }
            Want::Attest => Input::Running(stage.running().await),
            Want::Tidy(wanted) => {
                files.keep_only(&wanted).unwrap();
                stage.tidy(&wanted).await.unwrap();
                Input::Tidied
            }
        };
        self.feed(input)?;
        Ok(true)
    }

    fn state(&self) -> State {
        self.machine.record().attempt.as_ref().unwrap().stage
    }

    fn code(&self) -> &str {
        let attempt = self.machine.record().attempt.as_ref().unwrap();
        attempt.failure.as_ref().map_or("", |failure| failure.code.as_str())
    }

    fn offer(&mut self, version: u64, digest: Digest) -> Result<(), Dark> {
        let contents = Contents::Inline(Blob::new(Vec::new()).unwrap());
        let offer = Offer { version, digest, size_bytes: 0, contents, expires: None };
        self.feed(Input::Offered(offer))
    }

    /// Half a second passes.
    async fn pass(&mut self) -> Result<(), Dark> {
        while self.act().await? {}
        self.view.steady_ms += 500;
        self.feed(Input::Tick)?;
        self.feed(Input::Seen(self.shop.stage.health()))
    }

    async fn until(&mut self, states: &[State]) -> Result<State, Dark> {
        for _ in 0..200 {
            self.pass().await?;
            if states.contains(&self.state()) {
                while self.act().await? {}
                return Ok(self.state());
            }
        }
        panic!("none of {states:?} was reached: {:?}", self.machine.record());
    }

    /// Until nothing more becomes of the offer.
    async fn end(&mut self) -> Result<State, Dark> {
        self.until(&[State::Committed, State::Reverted, State::Refused]).await
    }
}

fn trial(bundle: &mut Bundle, change: impl Fn(&mut TrialRules)) {
    change(&mut bundle.trial);
}

/// A shop on which a bundle has proved itself.
async fn with_good() -> (Walk, Digest) {
    let shop = Shop::new();
    let good = shop.lay("good", &[shop.model(MODEL)], |_| {});
    let mut walk = Walk::new(shop);
    walk.offer(1, good).unwrap();
    assert_eq!(walk.end().await.unwrap(), State::Committed);
    assert_eq!(walk.shop.running().await, Some(good));
    walk.moved.clear();
    (walk, good)
}

#[tokio::test]
async fn a_bundle_proves_itself_step_by_step_and_is_committed_as_found_running() {
    let (mut walk, good) = with_good().await;
    let new = walk.shop.lay("new", &[walk.shop.model(MODEL), template(OTHER_TEMPLATE)], |_| {});
    walk.offer(2, new).unwrap();
    assert_eq!(walk.end().await.unwrap(), State::Committed);
    let states: Vec<State> = walk.moved.iter().map(|moved| moved.to).collect();
    use State::{Accepted, Committed, Fetching, Probation, Staged, Trial, Verified};
    assert_eq!(states, [Accepted, Fetching, Verified, Staged, Trial, Probation, Committed]);
    assert!(walk.moved.iter().skip(4).all(|moved| moved.facts_epoch == Some(3)), "told");
    assert_eq!(walk.shop.running().await, Some(new));
    assert_eq!(prompt(&*walk.shop.served(ALIAS).await, "a"), "Q: a\nA:");
    // Back to the one before: nothing is fetched, and no hour is waited for.
    walk.view.in_hours = false;
    walk.offer(3, good).unwrap();
    assert_eq!(walk.end().await.unwrap(), State::Committed);
    assert_eq!(walk.shop.running().await, Some(good));
}

#[tokio::test]
async fn what_is_broken_on_purpose_goes_and_the_last_good_bundle_answers_as_before() {
    let (mut walk, good) = with_good().await;
    let mut graph = walk.shop.model(MODEL);
    graph.2.insert("model.onnx".to_owned(), b"no graph".to_vec());
    let whole = || walk.shop.model(MODEL);
    let before = walk.shop.served(ALIAS).await.digest.clone();
    for (version, (parts, checks, state, code)) in (2..).zip([
        (vec![graph], vec![check(&[])], State::Refused, "verified.load"),
        (vec![whole()], vec![check(&["42 euros"])], State::Refused, "staged.check"),
        (
            vec![whole(), template("{{ raise_exception('no') }}")],
            vec![check(&[])],
            State::Refused,
            "staged.check",
        ),
        (vec![whole(), template("x")], vec![], State::Reverted, "probation.silent"),
    ]) {
        let change = |bundle: &mut Bundle| {
            trial(bundle, |trial| trial.checks = List::new(checks.clone()).unwrap());
        };
        let bad = walk.shop.lay(&format!("bad-{version}"), &parts, change);
        walk.offer(version, bad).unwrap();
        assert_eq!(walk.end().await.unwrap(), state, "{code}");
        assert_eq!(walk.code(), code);
        assert_eq!(walk.shop.running().await, Some(good), "{code}");
        assert_eq!(walk.shop.served(ALIAS).await.digest, before, "{code}: its answers are found");
        assert!(!walk.shop.files.path(bad).exists(), "{code}: it is not kept");
        assert_eq!(walk.shop.packages.list().unwrap().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn what_fails_the_shops_own_requests_is_reverted() {
    for (code, spoils) in [
        ("trial.errors", (|served| served.conduct.failed()) as fn(&crate::api::ServedModel)),
        ("trial.refused", |served| served.conduct.turned_down()),
    ] {
        let (mut walk, good) = with_good().await;
        let bad = walk.shop.lay("bad", &[walk.shop.model(MODEL), template(OTHER_TEMPLATE)], |_| {});
        walk.offer(2, bad).unwrap();
        walk.until(&[State::Trial]).await.unwrap();
        let answers = walk.shop.served(ALIAS).await;
        (0..4).for_each(|_| spoils(&answers));
        walk.feed(Input::Seen(walk.shop.stage.health())).unwrap();
        assert_eq!(walk.state(), State::Trial, "{code}: four of them tell nothing yet");
        spoils(&answers);
        drop(answers);
        walk.feed(Input::Seen(walk.shop.stage.health())).unwrap();
        assert_eq!((walk.state(), walk.code()), (State::Reverted, code));
        while walk.act().await.unwrap() {}
        assert_eq!(walk.shop.running().await, Some(good));
    }
}

#[tokio::test]
async fn facts_that_are_behind_defer_a_bundle_before_it_is_fetched() {
    let (mut walk, good) = with_good().await;
    let parts = [walk.shop.model(MODEL), template(OTHER_TEMPLATE)];
    let new = walk.shop.lay("new", &parts, |bundle| bundle.facts_epoch = Some(4));
    walk.offer(2, new).unwrap();
    walk.until(&[State::Deferred]).await.unwrap();
    assert_eq!(walk.code(), "facts");
    assert_eq!(walk.shop.running().await, Some(good));
    walk.view.facts_epoch = Some(5);
    assert_eq!(walk.end().await.unwrap(), State::Committed);
    assert_eq!(walk.moved.last().unwrap().facts_epoch, Some(5), "it is told on which it stood");
    // Going back brings no old facts: whoever reads them reads those of now.
    walk.offer(3, good).unwrap();
    assert_eq!(walk.end().await.unwrap(), State::Committed);
    assert_eq!(walk.moved.last().unwrap().facts_epoch, Some(5));
}

#[tokio::test]
async fn a_power_cut_at_any_write_leaves_packages_that_answer_and_goes_on() {
    let new = |shop: &Shop| {
        let parts = [shop.model(MODEL), template(OTHER_TEMPLATE), rules("{}")];
        shop.lay("new", &parts, |bundle| trial(bundle, |trial| trial.trial_s = 2))
    };
    let mut cut = 0;
    loop {
        let (mut walk, good) = with_good().await;
        let digest = new(&walk.shop);
        (walk.writes, walk.cut) = (0, Some(cut));
        let ended = match walk.offer(2, digest) {
            Ok(()) => walk.end().await,
            Err(dark) => Err(dark),
        };
        if let Ok(state) = ended {
            assert_eq!((state, walk.shop.running().await), (State::Committed, Some(digest)));
            break;
        }
        let mut again = walk.restart();
        // What was written is made so at once, before any time passes.
        let first = again.machine.record().arrangement();
        again.shop.stage.arrange(&first).await.unwrap();
        assert!([Some(good), Some(digest)].contains(&first.live), "cut at {cut}");
        assert_eq!(again.shop.running().await, first.live, "cut at {cut}");
        again.shop.shelf.lend(ALIAS.into()).await.unwrap();
        // HQ offers again what the box may have lost.
        again.offer(2, digest).unwrap();
        assert_eq!(again.end().await.unwrap(), State::Committed, "cut at {cut}");
        assert_eq!(again.shop.running().await, Some(digest), "cut at {cut}");
        assert_eq!(
            again.shop.packages.list().unwrap().len(),
            3,
            "cut at {cut}: nothing is left over"
        );
        cut += 1;
    }
    assert!(cut > 12, "only {cut} writes were cut");
}

#[tokio::test]
async fn a_box_that_lost_its_record_answers_on_until_another_bundle_does() {
    for same in [true, false] {
        let (walk, good) = with_good().await;
        let name = walk.shop.package().name().to_owned();
        let mut lost = Walk { written: Record::default(), ..walk }.restart();
        let parts = [lost.shop.model(MODEL), template(OTHER_TEMPLATE)];
        let offered = if same { good } else { lost.shop.lay("new", &parts, |_| {}) };
        lost.offer(1, offered).unwrap();
        while lost.state() != State::Trial {
            assert_eq!(lost.shop.served(ALIAS).await.name, name);
            lost.pass().await.unwrap();
        }
        assert_eq!(lost.end().await.unwrap(), State::Committed);
        assert_eq!(lost.shop.running().await, Some(offered));
        assert_eq!(
            lost.shop.packages.list().unwrap().len(),
            2,
            "the lost one goes with its record"
        );
    }
}
