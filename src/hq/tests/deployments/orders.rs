//! Random orders of what boxes, people and time do.

use super::*;
use std::collections::BTreeSet;

/// xorshift, so that a seed says everything.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// A box that takes what it is told, in its own time, and tells of it when it likes.
struct Model {
    shelf: Shelf,
    good: Option<(u64, Digest)>,
    running: Option<Digest>,
    attempt: Option<(u64, Digest, Stage)>,
    /// Versions that it has committed with what digest, in truth.
    committed: BTreeSet<(u64, Digest)>,
}

impl Model {
    async fn new(house: &House, name: &str) -> Self {
        let shelf = Shelf::new(house, name).await;
        Self { shelf, good: None, running: None, attempt: None, committed: BTreeSet::new() }
    }

    /// Hears what is wanted.
    async fn hears(&mut self, hq: &Hq) {
        let Some((version, digest)) = wanted(hq, self.shelf.place()).await else { return };
        if self.attempt.is_none_or(|(known, ..)| version > known) {
            self.attempt = Some((version, digest, Stage::Fetching));
        }
    }

    /// Comes to an end, well or not.
    fn ends(&mut self, well: bool) {
        let Some((version, digest, stage)) = self.attempt else { return };
        if matches!(stage, Stage::Committed | Stage::Reverted) {
            return;
        }
        if well {
            self.good = Some((version, digest));
            self.running = Some(digest);
            self.committed.insert((version, digest));
            self.attempt = Some((version, digest, Stage::Committed));
        } else {
            self.attempt = Some((version, digest, Stage::Reverted));
        }
    }

    async fn tells(&mut self, hq: &Hq) {
        let Some((version, _, stage)) = self.attempt else { return };
        self.shelf.reports(hq, version, stage, self.good, self.running).await;
    }
}

/// What must hold after every step; `seen` is what was judged before.
async fn check(hq: &Hq, models: &[Model], seen: &mut BTreeMap<(u64, String), DeploymentNodeRow>) {
    for row in hq.deployments(&tenant(), None, 500).await.unwrap() {
        let Tally { boxes, ok, bad, silent, open } = row.tally;
        assert_eq!(ok + bad + silent + open, boxes, "{row:?}");
        assert!(!row.state.is_over() || open == 0, "{row:?}");
        assert!(row.state != State::Complete || (silent == 0 && bad <= row.max_bad), "{row:?}");
        assert!(row.state == State::Halted || bad <= row.max_bad, "{row:?}");
        for node in nodes(hq, row.number).await {
            let key = (row.number, node.place.clone());
            if let Some(before) = seen.get(&key) {
                let same = (before.result, &before.code, before.judged_ms);
                assert_eq!(same, (node.result, &node.code, node.judged_ms), "judged again");
            }
            if node.result == Some(NodeResult::Ok) {
                let model = models.iter().find(|m| m.shelf.place().to_string() == node.place);
                let digest: Digest = node.digest.parse().unwrap();
                assert!(model.unwrap().committed.contains(&(node.version, digest)), "{node:?}");
                assert_eq!(node.attested.as_ref(), Some(&node.digest));
            }
            if node.result.is_some() {
                seen.insert(key, node);
            }
        }
    }
}

async fn step(hq: &Hq, models: &mut [Model], chance: &mut Chance) {
    let actor = Actor::local();
    let numbers = hq.deployments(&tenant(), None, 500).await.unwrap().len() as u64;
    let one = chance.below(models.len());
    match chance.below(20) {
        0..=4 => models[one].hears(hq).await,
        5..=8 => models[one].ends(chance.below(4) > 0),
        9..=14 => models[one].tells(hq).await,
        15..=16 => {
            let bundle = ["red", "green", "blue"][chance.below(3)];
            let targets = ["acme", "acme/store-1/box-a", "acme/store-1/box-b", "acme/store-1"];
            let new = Asked {
                max_bad: chance.below(3) as u64,
                ..asked(bundle, targets[chance.below(targets.len())])
            };
            let draft = hq.ask(&actor, &new).await.unwrap();
            if chance.below(8) > 0 {
                hq.approve(&actor, &tenant(), draft.number, None).await.unwrap();
            }
        }
        17 if numbers > 0 => {
            let number = 1 + chance.below(numbers as usize) as u64;
            let once = hq.cancel(&actor, &tenant(), number, None).await.unwrap();
            assert!(once.state.is_over());
            assert_eq!(hq.cancel(&actor, &tenant(), number, None).await.unwrap(), once);
        }
        18 if numbers > 0 => {
            let number = 1 + chance.below(numbers as usize) as u64;
            if let Ok(draft) = hq.ask_back(&actor, &tenant(), number).await {
                hq.approve(&actor, &tenant(), draft.number, None).await.unwrap();
            }
        }
        19 if chance.below(4) == 0 => {
            hq.advance(now().plus(140 * 24 * 3600 * 1000)).await.unwrap();
        }
        _ => hq.advance(now()).await.unwrap(),
    }
}

/// What HQ has of a box, for whoever reads a failure.
async fn story(hq: &Hq, model: &Model) -> Vec<String> {
    let mut told = Vec::new();
    for row in hq.deployments(&tenant(), None, 500).await.unwrap() {
        let place = model.shelf.place().to_string();
        let own = nodes(hq, row.number).await.into_iter().find(|node| node.place == place);
        told.extend(own.map(|node| {
            let DeploymentNodeRow { version, digest, before_digest, result, code, .. } = node;
            format!(
                "{} {}: {version} {digest:.6} over {before_digest:?} {result:?} {code:?}",
                row.number, row.state
            )
        }));
    }
    told
}

/// Once nobody does anything new, every deployment ends and every box runs what HQ wants of it.
async fn settle(hq: &Hq, models: &mut [Model]) {
    for model in models.iter_mut() {
        model.hears(hq).await;
        model.ends(true);
        model.tells(hq).await;
    }
    hq.advance(now().plus(140 * 24 * 3600 * 1000)).await.unwrap();
    // The deadline may have set boxes back once more.
    for model in models.iter_mut() {
        model.hears(hq).await;
        model.ends(true);
        model.tells(hq).await;
    }
    for row in hq.deployments(&tenant(), None, 500).await.unwrap() {
        assert!(row.state.is_over(), "{row:?}");
    }
    for model in models.iter() {
        if let Some((version, digest)) = wanted(hq, model.shelf.place()).await {
            let (good, attempt) = (model.good, model.attempt);
            // What it had may fail on it, too; then it stays where it is, and HQ shows both.
            if attempt == Some((version, digest, Stage::Reverted)) {
                continue;
            }
            let at = format!("{version} {digest} is wanted, {good:?} runs after {attempt:?}");
            assert_eq!(
                good.map(|(_, good)| good),
                Some(digest),
                "{at}: {:#?}",
                story(hq, model).await
            );
        }
    }
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "a failure says by which seed it came")]
async fn in_any_order_each_box_is_judged_once_and_by_what_it_attests() {
    for seed in 1..=24_u64 {
        eprintln!("seed {seed}");
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let house = House::new().await;
        let hq = &house.hq;
        for bundle in ["red", "green", "blue"] {
            published(hq, bundle).await;
        }
        let mut models = Vec::new();
        for name in ["box-a", "box-b", "box-c"] {
            models.push(Model::new(&house, name).await);
        }
        let mut seen = BTreeMap::new();
        for _ in 0..120 {
            step(hq, &mut models, &mut chance).await;
            check(hq, &models, &mut seen).await;
        }
        settle(hq, &mut models).await;
        check(hq, &models, &mut seen).await;
    }
}
