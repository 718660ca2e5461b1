//! Random feeds, crashes and readers against a plain model.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use endcap_testing::power_cut::Disk;

/// What a feed says of one fact.
#[derive(Debug, Clone)]
struct Update {
    change: Change,
    stamp: Source,
    id: FactId,
}

/// The newest that was delivered of each fact.
type Model = BTreeMap<FactId, (Source, Option<Fact>)>;

struct World {
    random: ChaCha8Rng,
    version: u64,
    /// Said and not yet delivered; some never are.
    under_way: Vec<Update>,
    model: Model,
    now: UnixSeconds,
}

impl World {
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.random_range(0..of.len())].clone()
    }

    fn sku(&mut self) -> String {
        self.pick(&["1", "2", "3", "4"]).to_owned()
    }

    /// Something new that the feed says.
    fn say(&mut self) {
        let table = self.pick(&Table::ALL);
        let sku = self.sku();
        self.version += 1;
        let stamp = Source { epoch: self.version / 40, version: self.version };
        let id = FactId::new(table, &sku).unwrap();
        let source = Some(stamp);
        let change = match self.random.random_range(0..5) {
            0 => Change::Delete { id: id.clone(), source },
            _ => {
                let fact = self.fact(table);
                stamped(table, &sku, fact, source)
            }
        };
        self.under_way.push(Update { change, stamp, id });
    }

    fn fact(&mut self, table: Table) -> Value {
        let sku = self.sku();
        let number = self.random.random_range(1..4);
        let category = self.pick(&["a", "a/b", "c"]);
        let moment = UnixSeconds(self.now.0 + self.random.random_range(-3600..7200));
        match table {
            Table::Products => {
                let allergens = self.pick(&[json!([]), json!(["milk"]), json!(["nuts"])]);
                json!({ "names": { "en": format!("n{number}") }, "category": category, "allergens": { "contains": allergens } })
            }
            Table::Prices => price(number as f64),
            Table::Promotions => {
                let scope = self.pick(&[
                    json!({ "skus": [sku] }),
                    json!({ "categories": [category] }),
                    json!({ "everything": true, "starts": moment }),
                    json!({ "skus": [sku], "ends": moment }),
                    json!({ "skus": ["1"], "conditions": { "hours": { "opens": "11:00", "closes": "13:00" } } }),
                ]);
                let mut promotion =
                    json!({ "titles": { "en": "x" }, "offer": { "percent_off": number } });
                for (field, value) in scope.as_object().unwrap() {
                    promotion[field] = value.clone();
                }
                promotion
            }
            Table::Stock => json!({ "band": self.pick(&["out", "low", "plenty"]) }),
            Table::Hours => {
                let closes = self.pick(&["12:00", "14:00", "24:00"]);
                json!({ "names": { "en": "x" }, "weekly": { "thursday": [{ "opens": "08:00", "closes": closes }] } })
            }
            Table::Recalls => json!({ "skus": [sku], "reasons": { "en": "x" }, "since": moment }),
        }
    }

    /// A batch of updates that are late, doubled and out of order; some are lost.
    fn deliver(&mut self) -> Vec<Update> {
        let mut batch = Vec::new();
        for _ in 0..self.random.random_range(0..5) {
            if self.under_way.is_empty() {
                break;
            }
            let at = self.random.random_range(0..self.under_way.len());
            match self.random.random_range(0..4) {
                0 => drop(self.under_way.swap_remove(at)),
                1 => batch.push(self.under_way[at].clone()),
                _ => batch.push(self.under_way.swap_remove(at)),
            }
        }
        batch
    }

    fn learn(&mut self, batch: &[Update]) {
        for update in batch {
            let held = self.model.get(&update.id).map(|(stamp, _)| *stamp);
            if held.is_none_or(|held| update.stamp > held) {
                let fact = match &update.change {
                    Change::Put { fact, .. } => Some(fact.clone()),
                    _ => None,
                };
                self.model.insert(update.id.clone(), (update.stamp, fact));
            }
        }
    }
}

/// What somebody reads.
#[derive(Debug, Clone)]
enum Read {
    Product(String),
    Price(String),
    Promotions(String),
    Stock(String),
    Hours(String),
    Recalls(String),
    Category(&'static str),
    AllPromotions,
    AllHours,
    Today,
}

/// Reads, and says what was seen but for texts, which are soft, and in full.
fn see(reader: &mut Reader, reads: &[Read]) -> (String, String) {
    let (mut hard, mut full) = (String::new(), String::new());
    for read in reads {
        let (one, other) = match read {
            Read::Product(sku) => {
                let product = reader.product(sku);
                let hard = product.as_ref().map(|p| (p.category.clone(), p.allergens.clone()));
                (format!("{hard:?}"), format!("{:?}", product.as_deref()))
            }
            Read::Category(category) => {
                let products = reader.products_in(category, 3);
                let full: Vec<_> = products.iter().map(|p| (**p).clone()).collect();
                // That one more belongs there is soft.
                (String::new(), format!("{full:?}"))
            }
            Read::Price(sku) => same(reader.price(sku).as_deref()),
            Read::Stock(sku) => same(reader.stock(sku).as_deref()),
            Read::Hours(id) => {
                let hours = reader.hours(id);
                let open = hours.as_ref().map(|hours| reader.is_open(hours));
                same((open, hours.as_deref()))
            }
            Read::Promotions(sku) => same(values(reader.promotions_of(sku))),
            Read::Recalls(sku) => same(values(reader.recalls_of(sku))),
            Read::AllPromotions => same(values(reader.promotions(2))),
            Read::AllHours => same(values(reader.all_hours())),
            Read::Today => same(reader.today()),
        };
        hard.push_str(&format!("{one}\n"));
        full.push_str(&format!("{other}\n"));
    }
    (hard, full)
}

fn same(value: impl std::fmt::Debug) -> (String, String) {
    let text = format!("{value:?}");
    (text.clone(), text)
}

fn values<T: Clone>(seen: Vec<Seen<T>>) -> Vec<(FactId, T)> {
    seen.into_iter().map(|seen| (seen.id().clone(), (*seen).clone())).collect()
}

fn reads(world: &mut World) -> Vec<Read> {
    let count = world.random.random_range(1..4);
    (0..count)
        .map(|_| {
            let sku = world.sku();
            match world.random.random_range(0..10) {
                0 => Read::Product(sku),
                1 => Read::Price(sku),
                2 => Read::Promotions(sku),
                3 => Read::Stock(sku),
                4 => Read::Hours(sku),
                5 => Read::Recalls(sku),
                6 => Read::Category(world.pick(&["a", "a/b", "c", "d"])),
                7 => Read::AllPromotions,
                8 => Read::AllHours,
                _ => Read::Today,
            }
        })
        .collect()
}

/// What was read at some moment.
struct Kept {
    reads: Vec<Read>,
    record: Record,
    hard: String,
    full: String,
}

fn run(seed: u64, steps: usize) {
    let config = FactsConfig { max_age: [None; 6], ..config() };
    let mut disk = Disk::default();
    let mut facts = Facts::on(disk.clone(), config.clone(), noon()).unwrap();
    let mut world = World {
        random: ChaCha8Rng::seed_from_u64(seed),
        version: 0,
        under_way: Vec::new(),
        model: Model::new(),
        now: noon(),
    };
    let mut kept: Vec<Kept> = Vec::new();
    for step in 0..steps {
        let context = format!("seed {seed}, step {step}");
        world.say();
        world.now.0 += world.random.random_range(0..200);
        let batch = world.deliver();
        let changes = batch.iter().map(|update| update.change.clone()).collect();
        if world.random.random_range(0..12) == 0 {
            // The power fails somewhere in the batch; it may have arrived or not.
            disk.cut_at(disk.acts() + world.random.random_range(0..12));
            let told = facts.write(Batch { changes, idempotency: None }, world.now).is_ok();
            drop(facts);
            let image = disk.images(seed + step as u64).swap_remove(step % 4);
            disk = Disk::of(image);
            facts = Facts::on(disk.clone(), config.clone(), world.now).unwrap();
            let old = holds_the_model(&facts, &world.model);
            world.learn(&batch);
            let new = holds_the_model(&facts, &world.model);
            assert!(new || (old && !told), "{context}: neither old nor new");
            if !told {
                // The feed says it again: what holds the model may lack the stamps of what is the same.
                let changes = batch.iter().map(|update| update.change.clone()).collect();
                facts.write(Batch { changes, idempotency: None }, world.now).unwrap();
            }
        } else {
            facts.write(Batch { changes, idempotency: None }, world.now).unwrap();
            world.learn(&batch);
        }
        assert!(holds_the_model(&facts, &world.model), "{context}");

        let reads = reads(&mut world);
        let mut reader = facts.reader(world.now);
        let (hard, full) = see(&mut reader, &reads);
        kept.push(Kept { reads, record: reader.finish(), hard, full });
        if kept.len() > 40 {
            let at = world.random.random_range(0..kept.len());
            kept.swap_remove(at);
        }
        check(&facts, &kept, world.now, &context);
    }
}

fn holds_the_model(facts: &Facts, model: &Model) -> bool {
    let ids: Vec<FactId> = Table::ALL
        .into_iter()
        .flat_map(|table| ["1", "2", "3", "4"].map(|id| FactId::new(table, id).unwrap()))
        .collect();
    ids.iter().all(|id| {
        let wanted = model.get(id).and_then(|(_, fact)| fact.clone());
        facts.get(id).map(|held| held.fact) == wanted
    })
}

fn check(facts: &Facts, kept: &[Kept], now: UnixSeconds, context: &str) {
    for Kept { reads, record, hard, full } in kept {
        let (hard_now, full_now) = see(&mut facts.reader(now), reads);
        match facts.check(record, now) {
            Standing::Current => assert_eq!(&full_now, full, "{context}: {reads:?} is not current"),
            Standing::Soft { .. } => {
                assert_eq!(&hard_now, hard, "{context}: {reads:?} differs in more than words");
            }
            Standing::Dead { .. } | Standing::Expired { .. } => {}
            old @ Standing::TooOld { .. } => panic!("{context}: {old:?} without a limit"),
        }
        let mut again = facts.as_of(record).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(&see(&mut again, reads), &(hard.clone(), full.clone()), "{context}: {reads:?}");
        assert_eq!(&again.finish(), record, "{context}: {reads:?} made again");
    }
}

#[test]
fn no_answer_is_older_than_the_facts_whatever_the_feed_and_the_power_do() {
    for seed in 0..8 {
        run(seed, 150);
    }
}

#[test]
#[ignore = "takes minutes"]
fn no_answer_is_older_than_the_facts_in_many_worlds() {
    for seed in 100..300 {
        run(seed, 400);
    }
}
