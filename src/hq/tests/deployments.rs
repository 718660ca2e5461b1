//! Deployments: who may do what, what boxes attest, and every order in which things can happen.

use endcap_testing::bundles;

use super::*;
use crate::hq::clock::now;
use crate::hq::deployments::{
    Asked, DeploymentNodeRow, DeploymentRow, NodeResult, NodesPage, State, Tally,
};
use crate::hq::users::Role;
use crate::protocol::documents as bodies;

mod door;
mod orders;

fn tenant() -> Label {
    place().tenant
}

fn short_trial() -> bodies::TrialRules {
    bodies::TrialRules {
        shadow_s: 0,
        trial_s: 60,
        probation_s: 60,
        min_requests: 1,
        max_errors_per_mille: 0,
        max_latency_percent: 200,
        checks: List::default(),
    }
}

/// A bundle of one small file, published.
pub(super) async fn published(hq: &Hq, id: &str) -> Digest {
    let file = format!("weights of {id}").into_bytes();
    hq.artefacts().put(file.clone()).await.unwrap();
    let files = BTreeMap::from([("package.json".to_owned(), file)]);
    let part = bundles::part(bodies::PartKind::Model, "tiny", &files);
    let bundle = bundles::bundle(id, "assistant", vec![part], short_trial());
    let json = bundle.to_json().unwrap();
    let row = hq.publish_bundle(&Actor::local(), &tenant(), &json).await.unwrap();
    row.digest.parse().unwrap()
}

fn asked(bundle: &str, target: &str) -> Asked {
    let reach = target.parse().unwrap();
    Asked { reach, bundle: bundle.to_owned(), within_s: None, max_bad: 0, over: None }
}

pub(super) async fn deployed(hq: &Hq, bundle: &str, target: &str) -> DeploymentRow {
    let actor = Actor::local();
    let draft = hq.ask(&actor, &asked(bundle, target)).await.unwrap();
    hq.approve(&actor, &tenant(), draft.number, None).await.unwrap()
}

async fn nodes(hq: &Hq, number: u64) -> Vec<DeploymentNodeRow> {
    let page = NodesPage { after: String::new(), limit: 500 };
    hq.deployment_nodes(&tenant(), number, &page).await.unwrap()
}

/// What HQ wants of a box: version and digest of its bundle.
async fn wanted(hq: &Hq, place: &Place) -> Option<(u64, Digest)> {
    let all = hq.desired_of(place).await.unwrap();
    let bundle = all.into_iter().find(|pointer| pointer.document == Document::Bundle)?;
    Some((bundle.version, bundle.digest))
}

/// A box as far as HQ sees it.
struct Shelf {
    speaker: Speaker,
}

impl Shelf {
    async fn new(house: &House, name: &str) -> Self {
        let place: Place = format!("acme/store-1/{name}").parse().unwrap();
        house.hq.registry().add_node(&Actor::local(), &place).await.unwrap();
        Self { speaker: Speaker { place, ..Speaker::new() } }
    }

    fn place(&self) -> &Place {
        &self.speaker.place
    }

    async fn reports(
        &mut self,
        hq: &Hq,
        desired: u64,
        stage: Stage,
        applied: Option<(u64, Digest)>,
        observed: Option<Digest>,
    ) {
        let failed = matches!(stage, Stage::Reverted | Stage::Refused);
        let failure =
            Failure { code: "trial.errors".parse().unwrap(), text: Text::cut("9 failed") };
        let reported = Reported {
            document: Document::Bundle,
            desired: Some(desired),
            stage,
            applied: applied.map(|(version, digest)| Applied { version, digest }),
            observed,
            at: NOW,
            failure: failed.then_some(failure),
            local: None,
        };
        let topic = NodeTopic::Reported(Document::Bundle);
        let said = self.speaker.plain(topic, &Message::Reported(reported));
        hq.receive(&[said], now()).await.unwrap();
        hq.advance(now()).await.unwrap();
    }

    /// Takes what is wanted and stays with it.
    async fn commits(&mut self, hq: &Hq) -> (u64, Digest) {
        let (version, digest) = wanted(hq, self.place()).await.unwrap();
        let applied = Some((version, digest));
        self.reports(hq, version, Stage::Committed, applied, Some(digest)).await;
        (version, digest)
    }
}

#[tokio::test]
async fn a_bundle_goes_out_once_an_approver_lets_it_and_is_complete_when_the_box_attests_it() {
    let house = House::new().await;
    let hq = &house.hq;
    let new = published(hq, "smollm2-2").await;
    let mut shelf = Shelf::new(&house, "box-a").await;
    let (ada, bob) = (
        Actor { name: "Ada".into(), role: Role::Operator },
        Actor { name: "Bob".into(), role: Role::Approver },
    );
    let draft = hq.ask(&ada, &asked("smollm2-2", "acme/store-1/box-a")).await.unwrap();
    assert_eq!((draft.state, draft.tally), (State::Draft, Tally::default()));
    hq.advance(now()).await.unwrap();
    assert_eq!(wanted(hq, shelf.place()).await, None, "a draft is told to nobody");
    let mut outgoing = hq.outgoing();
    let running = hq.approve(&bob, &tenant(), draft.number, Some(draft.revision)).await.unwrap();
    assert_eq!((running.state, running.tally.open), (State::Running, 1));
    let said = outgoing.try_recv().unwrap();
    let Message::Desired(signed) = read(&said).2 else { panic!("{said:?}") };
    let pointer = hq.director().keys().verify(&signed, NOW).unwrap();
    assert_eq!((pointer.digest, pointer.expires.unwrap().0), (new, running.deadline_ms));
    assert!(pointer.carried().unwrap().is_some());

    let version = pointer.version;
    for stage in [Stage::Fetching, Stage::Trial, Stage::Probation] {
        shelf.reports(hq, version, stage, None, None).await;
        let row = &nodes(hq, running.number).await[0];
        assert_eq!((row.result, row.stage.is_some()), (None, true), "{stage:?}");
    }
    assert_eq!(hq.stages(&tenant(), 1).await.unwrap(), [("probation".to_owned(), 1)]);
    // Written is not running.
    shelf.reports(hq, version, Stage::Committed, Some((version, new)), None).await;
    assert_eq!(hq.deployment(&tenant(), 1).await.unwrap().state, State::Running);
    shelf.commits(hq).await;
    let done = hq.deployment(&tenant(), 1).await.unwrap();
    assert_eq!((done.state, done.tally.ok), (State::Complete, 1));
    let row = &nodes(hq, 1).await[0];
    assert_eq!((row.result, &row.attested), (Some(NodeResult::Ok), &Some(new.to_string())));
    // What a box runs stays wanted, so that a new disk gets it again.
    assert_eq!(wanted(hq, shelf.place()).await, Some((version, new)));
    let acts: Vec<(String, String)> =
        hq.acts(None, 3).await.unwrap().into_iter().map(|act| (act.who, act.act)).collect();
    assert_eq!(
        acts[..2],
        [("Bob".into(), "deployment.approve".into()), ("Ada".into(), "deployment.ask".into())]
    );
}

#[tokio::test]
async fn a_box_that_goes_back_halts_it_and_the_rest_is_set_back_to_what_it_had() {
    let house = House::new().await;
    let hq = &house.hq;
    let old = published(hq, "old").await;
    let (mut a, mut b) = (Shelf::new(&house, "box-a").await, Shelf::new(&house, "box-b").await);
    deployed(hq, "old", "acme/store-1").await;
    let (a_had, _) = (a.commits(hq).await, b.commits(hq).await);
    let new = published(hq, "new").await;
    deployed(hq, "new", "acme/store-1").await;
    let (version, _) = wanted(hq, a.place()).await.unwrap();
    b.reports(hq, version, Stage::Trial, Some(a_had), Some(old)).await;
    a.reports(hq, version, Stage::Reverted, Some(a_had), Some(old)).await;
    let halted = hq.deployment(&tenant(), 2).await.unwrap();
    assert_eq!(halted.state, State::Halted);
    assert_eq!(halted.tally, Tally { boxes: 2, ok: 0, bad: 1, silent: 1, open: 0 });
    let rows = nodes(hq, 2).await;
    assert_eq!(rows[0].code.as_deref(), Some("trial.errors"));
    assert_eq!(
        (rows[1].result, rows[1].code.as_deref()),
        (Some(NodeResult::Silent), Some("halted"))
    );
    assert_eq!(wanted(hq, a.place()).await, Some(a_had), "it is back there by itself");
    let (back, digest) = wanted(hq, b.place()).await.unwrap();
    assert!(back > version && digest == old, "newer than what it is at, so that it ends that");
    // What comes later changes no verdict.
    b.reports(hq, version, Stage::Committed, Some((version, new)), Some(new)).await;
    let after = nodes(hq, 2).await;
    assert_eq!((after[1].result, &after[1].code), (rows[1].result, &rows[1].code));
    assert_eq!(after[1].judged_ms, rows[1].judged_ms);
}

#[tokio::test]
async fn a_cancel_wins_comes_again_without_harm_and_leaves_what_was_attested() {
    let house = House::new().await;
    let hq = &house.hq;
    let (actor, new) = (Actor::local(), published(hq, "new").await);
    let (mut a, b) = (Shelf::new(&house, "box-a").await, Shelf::new(&house, "box-b").await);
    deployed(hq, "new", "acme").await;
    let (version, _) = a.commits(hq).await;
    let cancelled = hq.cancel(&actor, &tenant(), 1, None).await.unwrap();
    assert_eq!(
        (cancelled.state, cancelled.tally.ok, cancelled.tally.silent),
        (State::Cancelled, 1, 1)
    );
    assert_eq!(wanted(hq, a.place()).await, Some((version, new)));
    assert_eq!(wanted(hq, b.place()).await, None, "it had nothing before");
    let commands = hq.commands(&tenant(), Some(b.place()), 9).await.unwrap();
    assert_eq!((commands.len(), commands[0].name.as_str()), (1, "bundle.cancel"));
    assert!(commands[0].arguments.get().contains(&format!("\"version\":{version}")));
    let again = hq.cancel(&actor, &tenant(), 1, None).await.unwrap();
    assert_eq!(again, cancelled);
    assert_eq!(hq.commands(&tenant(), Some(b.place()), 9).await.unwrap().len(), 1);
    let error = hq.approve(&actor, &tenant(), 1, None).await.unwrap_err();
    assert_eq!(error.to_string(), "deployment 1 is cancelled and cannot be approved");
}

#[tokio::test]
async fn a_box_that_is_never_heard_of_ends_silent_and_blocks_nobody() {
    let house = House::new().await;
    let hq = &house.hq;
    published(hq, "one").await;
    published(hq, "two").await;
    let mut a = Shelf::new(&house, "box-a").await;
    let _b = Shelf::new(&house, "box-b").await;
    let first = deployed(hq, "one", "acme/store-1").await;
    a.commits(hq).await;
    // Before the deadline another one may begin, and takes over whoever is left.
    let second = deployed(hq, "two", "acme/store-1/box-b").await;
    let first = hq.deployment(&tenant(), first.number).await.unwrap();
    assert_eq!((first.state, first.tally.ok, first.tally.silent), (State::Superseded, 1, 1));
    hq.advance(UnixMillis(second.deadline_ms - 1)).await.unwrap();
    assert_eq!(hq.deployment(&tenant(), 2).await.unwrap().state, State::Running);
    hq.advance(UnixMillis(second.deadline_ms)).await.unwrap();
    let second = hq.deployment(&tenant(), 2).await.unwrap();
    assert_eq!((second.state, second.tally.silent, second.tally.open), (State::Expired, 1, 0));
    // A draft that nobody approves ends, too.
    let draft = hq.ask(&Actor::local(), &asked("one", "acme")).await.unwrap();
    hq.advance(UnixMillis(draft.deadline_ms)).await.unwrap();
    assert_eq!(hq.deployment(&tenant(), 3).await.unwrap().state, State::Expired);
}

#[tokio::test]
async fn a_revert_gives_each_box_what_it_had_before() {
    let house = House::new().await;
    let hq = &house.hq;
    let (one, two) = (published(hq, "one").await, published(hq, "two").await);
    published(hq, "three").await;
    let (mut a, mut b) = (Shelf::new(&house, "box-a").await, Shelf::new(&house, "box-b").await);
    let mut fresh = Shelf::new(&house, "box-c").await;
    deployed(hq, "one", "acme/store-1/box-a").await;
    deployed(hq, "two", "acme/store-1/box-b").await;
    a.commits(hq).await;
    b.commits(hq).await;
    let bad = deployed(hq, "three", "acme").await;
    for shelf in [&mut a, &mut b, &mut fresh] {
        shelf.commits(hq).await;
    }
    let back = hq.ask_back(&Actor::local(), &tenant(), bad.number).await.unwrap();
    assert_eq!((back.reverts, back.state), (Some(bad.number), State::Draft));
    let back = hq.approve(&Actor::local(), &tenant(), back.number, None).await.unwrap();
    assert_eq!(back.tally.boxes, 2, "the third had nothing before");
    assert_eq!(wanted(hq, a.place()).await.unwrap().1, one);
    assert_eq!(wanted(hq, b.place()).await.unwrap().1, two);
    a.commits(hq).await;
    b.commits(hq).await;
    assert_eq!(hq.deployment(&tenant(), back.number).await.unwrap().state, State::Complete);
    // Its boxes have gone on: what was before is not theirs to go back to any more.
    let error = hq.ask_back(&Actor::local(), &tenant(), bad.number).await.unwrap_err();
    assert!(matches!(error, HqError::Value { field: "number", .. }), "{error}");
}

#[tokio::test]
async fn what_runs_decides_what_can_be_reverted() {
    let house = House::new().await;
    let (hq, actor) = (&house.hq, Actor::local());
    let mut digests = Vec::new();
    for id in ["one", "two", "three"] {
        digests.push(published(hq, id).await);
    }
    let mut a = Shelf::new(&house, "box-a").await;
    for bundle in ["one", "two"] {
        deployed(hq, bundle, "acme/store-1/box-a").await;
        a.commits(hq).await;
    }
    // Two later ones end before the box keeps them: it is back at the second.
    for number in [3, 4] {
        deployed(hq, "three", "acme/store-1/box-a").await;
        hq.cancel(&actor, &tenant(), number, None).await.unwrap();
        a.commits(hq).await;
    }
    let gone = hq.ask_back(&actor, &tenant(), 1).await.unwrap_err();
    assert!(gone.to_string().contains("had another one before"), "{gone}");
    let back = hq.ask_back(&actor, &tenant(), 2).await.unwrap();
    hq.approve(&actor, &tenant(), back.number, None).await.unwrap();
    assert_eq!(wanted(hq, a.place()).await.unwrap().1, digests[0]);
    a.commits(hq).await;
    assert_eq!(hq.deployment(&tenant(), back.number).await.unwrap().state, State::Complete);
    hq.ask_back(&actor, &tenant(), 2).await.unwrap_err();
}

#[tokio::test]
async fn a_deployment_that_cannot_be_looked_at_stops_no_other() {
    let house = House::new().await;
    let hq = &house.hq;
    published(hq, "one").await;
    let (mut a, mut b) = (Shelf::new(&house, "box-a").await, Shelf::new(&house, "box-b").await);
    let mut c = Shelf::new(&house, "box-c").await;
    let broken = deployed(hq, "one", "acme/store-1/box-a").await;
    deployed(hq, "one", "acme/store-1/box-b").await;
    let mut change = hq.database.begin().await.unwrap();
    sqlx::query("UPDATE deployment_nodes SET digest = 'none' WHERE deployment = 1")
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    a.commits(hq).await;
    b.commits(hq).await;
    let state = async |number| hq.deployment(&tenant(), number).await.unwrap().state;
    assert_eq!((state(1).await, state(2).await), (State::Running, State::Complete));
    // Nor does one that it would have to judge before it begins.
    let third = deployed(hq, "one", "acme/store-1/box-c").await;
    c.commits(hq).await;
    assert_eq!(state(third.number).await, State::Complete);
    hq.advance(UnixMillis(broken.deadline_ms)).await.unwrap();
}

#[tokio::test]
async fn a_report_that_this_program_cannot_read_counts_as_silence() {
    let house = House::new().await;
    let hq = &house.hq;
    published(hq, "one").await;
    let (mut a, mut b) = (Shelf::new(&house, "box-a").await, Shelf::new(&house, "box-b").await);
    let running = deployed(hq, "one", "acme/store-1").await;
    let (version, digest) = wanted(hq, a.place()).await.unwrap();
    a.reports(hq, version, Stage::Trial, None, None).await;
    let mut change = hq.database.begin().await.unwrap();
    sqlx::query("UPDATE reported SET body = '{\"newer\":1}', applied = desired")
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    b.commits(hq).await;
    let rows = nodes(hq, 1).await;
    assert_eq!((rows[0].result, rows[1].result), (None, Some(NodeResult::Ok)));
    assert_eq!(rows[1].attested, Some(digest.to_string()));
    hq.advance(UnixMillis(running.deadline_ms)).await.unwrap();
    let ended = hq.deployment(&tenant(), 1).await.unwrap();
    assert_eq!((ended.state, ended.tally.silent), (State::Expired, 1));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_its_field() {
    let house = House::new().await;
    let hq = &house.hq;
    published(hq, "one").await;
    let actor = Actor::local();
    let ask = async |asked: Asked| hq.ask(&actor, &asked).await.unwrap_err().to_string();
    let usual = asked("one", "acme");
    assert_eq!(
        ask(Asked { bundle: "none".into(), ..usual.clone() }).await,
        "there is no bundle `none`"
    );
    let short = ask(Asked { within_s: Some(120), ..usual.clone() }).await;
    assert_eq!(short, "within_s: 120 s is not longer than shadow, trial and probation, 120 s");
    assert!(
        ask(Asked { within_s: Some(u64::MAX), ..usual.clone() }).await.starts_with("within_s: ")
    );
    assert!(ask(asked("one", "acme/store-9")).await.contains("no store `acme/store-9`"));
    hq.registry().set_group(&actor, &tenant(), &"north".parse().unwrap(), "").await.unwrap();
    assert_eq!(ask(asked("one", "acme/grp/north")).await, "target: acme/grp/north has no box");
    let first = hq.ask(&actor, &Asked { over: Some(0), ..usual.clone() }).await.unwrap();
    let late = ask(Asked { over: Some(0), ..usual }).await;
    assert!(late.contains("is at version 1, not at 0"), "{late}");
    let error = hq.approve(&actor, &tenant(), first.number, Some(7)).await.unwrap_err();
    assert_eq!(error.to_string(), "deployment 1 is at revision 1, not at 7; look at it again");
    // One id is one bundle for ever.
    let json = r#"{"id":"one"}"#;
    assert!(hq.publish_bundle(&actor, &tenant(), json).await.is_err());
}
