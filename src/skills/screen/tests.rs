use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use crate::cache::{Cache, Config};
use crate::facts::Table;
use crate::privacy::{Entity, Found, Tagger, Tagging, Untagged};
use crate::skills::clerk::{Clerk, ClerkParts, Settings};
use crate::skills::double::{Double, Mouths, Unlearned};
use crate::skills::sample::{self, asked};
use crate::skills::wanted::at_night;
use crate::telemetry::{CacheMetrics, SkillMetrics};

/// Takes these words for people and these for places, wherever they stand.
struct Knows(&'static [&'static str], &'static [&'static str]);

impl Tagger for Knows {
    fn tag<'a>(&'a self, text: &'a str, _: Duration) -> Tagging<'a> {
        let of = |words: &[&str], entity| -> Vec<Found> {
            let places = words.iter().flat_map(|word| text.match_indices(word));
            places.map(|(at, word)| Found { entity, range: at..at + word.len() }).collect()
        };
        let found = [of(self.0, Entity::Person), of(self.1, Entity::Location)].concat();
        Box::pin(std::future::ready(Ok(found)))
    }
}

struct Slow;

impl Tagger for Slow {
    fn tag<'a>(&'a self, _: &'a str, patience: Duration) -> Tagging<'a> {
        Box::pin(async move {
            tokio::time::sleep(patience).await;
            Err(Untagged::Late)
        })
    }
}

fn clerk(tagger: impl Tagger + 'static, speaker: Double) -> Clerk {
    let facts = sample::ageless_shop();
    for (sku, name, brand) in [
        ("2001", "Granny Smith Apples", None),
        ("2002", "Cookie Dough Ice Cream", Some("Ben & Jerry's")),
        ("2003", "Walker Ready Salted Crisps", Some("Walker")),
        ("2004", "Parma Ham", None),
    ] {
        let product = json!({ "names": { "en": name }, "brand": brand });
        sample::put(&facts, Table::Products, sku, product);
    }
    Clerk::new(ClerkParts {
        search: Arc::new(sample::search(&facts)),
        cache: Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default()),
        facts,
        voice: Arc::new(Mouths(vec![("double", Arc::new(speaker))])),
        meaning: Arc::new(Unlearned),
        settings: Settings::default().into(),
        metrics: SkillMetrics::default(),
    })
    .tagged_by(Arc::new(tagger))
}

#[tokio::test]
async fn names_go_and_goods_that_are_called_like_people_stay() {
    const PEOPLE: &[&str] = &["Anna", "Granny Smith", "Smith", "Ben", "Jerry", "Walker"];
    let clerk = clerk(Knows(PEOPLE, &["costs Parma", "Parma", "Lyon"]), Double::mute());
    for (said, kept, named) in [
        ("Anna told me to come", "<PERSON> told me to come", true),
        ("Are Granny Smith apples in?", "Are Granny Smith apples in?", false),
        ("Is Ben & Jerry's sold here?", "Is Ben & Jerry's sold here?", false),
        ("Tell Ben that I came", "Tell <PERSON> that I came", true),
        (
            "Tell Anna Smith that the Granny Smith is fine",
            "Tell <PERSON> that the Granny Smith is fine",
            true,
        ),
        ("I'd like Walker crisps", "I'd like Walker crisps", false),
        ("what costs Parma Ham", "what costs Parma Ham", false),
        ("Do you have Parma ham?", "Do you have Parma ham?", false),
        ("Can I get to Lyon from here?", "Can I get to <LOCATION> from here?", true),
        ("Mail jo@example.com", "Mail <EMAIL_ADDRESS>", false),
    ] {
        let screened = clerk.screen(said, at_night()).await;
        assert_eq!((screened.text(), screened.is_named()), (kept, named), "{said}");
    }
}

#[tokio::test]
async fn whoever_tags_is_not_waited_for_and_patterns_count_anyhow() {
    let clerk = clerk(Slow, Double::mute());
    let soon = Instant::now() + Duration::from_millis(20);
    let screened = clerk.screen("Anna, jo@example.com", soon).await;
    assert_eq!((screened.text(), screened.is_named()), ("Anna, <EMAIL_ADDRESS>", false));
    assert!(soon.elapsed() < Duration::from_millis(900), "it waits no longer than its caller");
}

#[tokio::test]
async fn an_answer_to_words_with_a_name_in_them_is_kept_for_nobody() {
    let speaker =
        Double::saying(|_| Ok("Meadow Whole Milk goes well with roast coffee.".to_owned()));
    let clerk = clerk(Knows(&["Anna"], &[]), speaker);
    for (question, hits) in [
        ("Which milk goes well with the roast coffee that Anna drinks?", [false, false]),
        ("Which milk goes well with the roast coffee that we drink?", [false, true]),
    ] {
        for hit in hits {
            let asked = asked(question);
            let screened = clerk.screen(question, asked.deadline).await;
            let answer = clerk.ask(asked, &screened, watch::Sender::default()).await.unwrap();
            assert_eq!(
                answer.provenance.step,
                crate::skills::answer::Step::Model,
                "{}",
                answer.text
            );
            assert_eq!(answer.status.how.is_hit(), hit, "{question}");
        }
    }
}
