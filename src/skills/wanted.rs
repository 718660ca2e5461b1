//! A text to be had from the cache or from a model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::answer::{Answer, Kept, Step};
use super::clerk::{Clerk, Wishes};
use super::language::Language;
use super::making::{self, Order, Progress};
use super::voice::{Silence, Speaker};
use super::witness::{Making, Witnessed};
use super::wording;
use crate::cache::{
    self, Again, Ask, Event, Generate, Generating, Key, KeyBuilder, Policy, Recipe, Scope, Status,
};
use crate::engine::{Chunk, EngineError, FinishReason};
use crate::facts::Record;

/// For an answer that nobody waits for there is this much time.
const AT_NIGHT: Duration = Duration::from_secs(10 * 60);

/// What a generated answer is made of, each time it is made.
pub(super) struct Plan {
    pub(super) order: Order,
    /// SKUs of the products that were handed to the model.
    pub(super) cited: Vec<String>,
    /// What was read.
    pub(super) record: Record,
}

/// What is wanted.
pub(super) struct Wanted<P> {
    pub(super) ask: Ask,
    pub(super) speaker: Arc<dyn Speaker>,
    pub(super) deadline: Instant,
    pub(super) progress: watch::Sender<Progress>,
    /// For whom, and who keeps a record of it.
    pub(super) witnessed: Witnessed,
    /// Reads facts and says what is to be made.
    pub(super) plan: P,
}

/// Who answers in which way to whom: what texts of every skill depend on.
pub(super) struct Terms<'a> {
    /// The skill's name.
    pub(super) skill: &'static str,
    /// The template of its prompt.
    pub(super) template: &'a str,
    pub(super) speaker: &'a Arc<dyn Speaker>,
    pub(super) language: Language,
    /// Terms that no text may have.
    pub(super) blocked: &'a [String],
    pub(super) scope: Scope,
    pub(super) wishes: Wishes,
}

impl<P: Fn() -> Plan + Send + Sync + 'static> Wanted<P> {
    /// How it is made.
    fn generate(self) -> (Ask, Generate) {
        let Self { ask, speaker, progress, plan, witnessed, .. } = self;
        let about = ask.provenance.clone();
        let generate = move || {
            let (about, witnessed) = (about.clone(), witnessed.clone());
            Ok(generating(plan(), Arc::clone(&speaker), progress.clone(), (about, witnessed)))
        };
        (ask, Arc::new(generate))
    }

    /// The same, to be made when nobody asks.
    pub(super) fn again(self) -> Again {
        let (ask, generate) = self.generate();
        Again::Now(Box::new(ask), generate)
    }
}

impl Clerk {
    /// A key with the terms. What a skill adds to it makes it an answer's.
    pub(super) fn family(&self, terms: &Terms<'_>) -> KeyBuilder {
        KeyBuilder::new(terms.skill)
            .field("model", terms.speaker.digest())
            .field("template", template_digest(terms.template))
            .field("wording", wording::digest(terms.language))
            .field("language", terms.language.code())
            .list("blocked", terms.blocked.iter())
    }

    /// What the cache is asked on these terms. `order` is what the skill needs to make the answer
    /// again by itself; what is for one person is not.
    pub(super) fn asking(
        &self,
        terms: &Terms<'_>,
        key: Key,
        seed: u64,
        order: &impl Serialize,
    ) -> Ask {
        let &Terms { skill, speaker, scope, wishes, .. } = terms;
        let policy = self.cache.policy(skill, speaker.name());
        let write = policy.write && wishes.write;
        let recipe = (write && !scope.is_personal()).then(|| Recipe::of(skill, order));
        Ask {
            key,
            scope,
            policy: Policy {
                read: policy.read && wishes.read,
                write,
                max_age: [policy.max_age, wishes.max_age].into_iter().flatten().min(),
                ..policy
            },
            question: None,
            provenance: cache::Provenance {
                route: skill.to_owned(),
                model: speaker.name().to_owned(),
                model_digest: speaker.digest().to_owned(),
                template_digest: template_digest(terms.template),
                seed: Some(seed),
                step: None,
                language: Some(terms.language.code().to_owned()),
            },
            recipe: recipe.flatten(),
        }
    }

    /// The answer from the cache, or as the model gives it; none where it has a slot for what is not
    /// there, or its facts change again and again.
    pub(super) async fn told<P>(
        &self,
        about: (&'static str, &'static str),
        language: Language,
        wanted: impl Fn() -> Wanted<P>,
    ) -> Result<Option<Answer>, cache::Failure>
    where
        P: Fn() -> Plan + Send + Sync + 'static,
    {
        // What is kept may have a slot for what is not there any more, and facts may change while a
        // text is made; then it is made anew.
        for fresh in [false, true] {
            let mut wanted = wanted();
            wanted.ask.policy.read &= !fresh;
            let speaker = Arc::clone(&wanted.speaker);
            let template_digest = wanted.ask.provenance.template_digest.clone();
            let (kept, status) = match self.text(wanted).await {
                Err(cache::Failure::Overtaken { .. } | cache::Failure::Recalled { .. }) => continue,
                told => told?,
            };
            let by = (&speaker, template_digest);
            if let Some(answer) = self.bound(about, kept, by, language, status) {
                self.count(about.0, &answer);
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The text from the cache, or as the model says it, with slots.
    async fn text<P>(&self, wanted: Wanted<P>) -> Result<(Kept, Status), cache::Failure>
    where
        P: Fn() -> Plan + Send + Sync + 'static,
    {
        let deadline = wanted.deadline;
        let (ask, generate) = wanted.generate();
        let question = ask.question.as_ref().map(|question| Arc::clone(&question.text));
        let vector = async {
            let text = question?;
            self.meaning.vector(&text, deadline).await
        };
        let answer = self.cache.ask(ask, vector.boxed(), generate).await?;
        let status = answer.status().clone();
        let events = answer.collect().await?;
        let kept = events.iter().find_map(|event| match event {
            Event::Note(text) => serde_json::from_str(text).ok(),
            Event::Chunk { .. } | Event::Withheld { .. } => None,
        });
        let fault = || EngineError::Internal("a kept text cannot be read".to_owned());
        Ok((kept.ok_or_else(fault)?, status))
    }
}

/// The steps of a text in the making: what was read, then the text. One that no model could say is
/// good for those who wait, and is not kept.
fn generating(
    plan: Plan,
    speaker: Arc<dyn Speaker>,
    progress: watch::Sender<Progress>,
    (about, witnessed): (cache::Provenance, Witnessed),
) -> Generating {
    let Plan { order, cited, record } = plan;
    let read = record.read.clone();
    // Nothing was said yet: where the facts have changed meanwhile, it is made anew.
    let still = record.clone();
    let work = async move {
        let made = making::make(&order, &speaker, &progress).await;
        let (made, fit) = match made {
            Ok(made) => (made, true),
            Err(Silence::Engine(
                error @ (EngineError::Internal(_) | EngineError::UnknownToken { .. }),
            )) => return vec![Err(error)],
            Err(silence) => {
                tracing::warn!(error = %silence, model = speaker.name(), "no model could speak");
                (making::Made::without(&silence, &order), false)
            }
        };
        let usage = made.usage;
        let record = witnessed.witness.made(&Making {
            skill: &about.route,
            subject: witnessed.subject,
            model: (speaker.name(), speaker.digest()),
            template_digest: &about.template_digest,
            refused: &made.refused,
            read: &read,
            said: made.said.as_ref(),
        });
        let kept = Kept {
            text: made.text,
            cited,
            step: made.step,
            seed: made.seed,
            refused: made.refused.iter().map(|reason| reason.name().to_owned()).collect(),
            read,
            made: record,
        };
        let note = serde_json::to_string(&kept).map(|text| cache::Step::Event(Event::Note(text)));
        let note = note.map_err(|error| EngineError::Internal(error.to_string()));
        let unfit = (!fit).then_some(Ok(cache::Step::Unfit));
        let particular = (kept.step != Step::Model).then_some(Ok(cache::Step::Particular));
        // By this the cache knows what its making took.
        let finish = Some((FinishReason::Stop, usage));
        let took = Chunk { text: String::new(), tokens: Vec::new(), finish };
        let took = Ok(cache::Step::Event(Event::Chunk { choice: 0, chunk: took }));
        let by = Ok(cache::Step::By(kept.step.name()));
        let before = [Some(Ok(cache::Step::Read(still))), Some(by), unfit, particular];
        before.into_iter().flatten().chain([note, took]).collect::<Vec<_>>()
    };
    let first = stream::iter([Ok(cache::Step::Read(record))]);
    first.chain(stream::once(work).flat_map(stream::iter)).boxed()
}

/// A number that is the same whenever the same is asked: the seed of its first attempt.
pub(super) fn seed(of: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in of {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    // Clients read JSON's numbers as doubles: 53 bits are exact there.
    u64::from_le_bytes(bytes.first_chunk::<8>().copied().unwrap_or_default()) >> 11
}

/// Digest of what texts are made by, hexadecimal.
pub(super) fn template_digest(source: &str) -> String {
    Sha256::digest(source).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By when what nobody waits for is made.
pub(super) fn at_night() -> Instant {
    Instant::now() + AT_NIGHT
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::{BoxFuture, ready};
    use serde_json::{Value, json};

    use super::*;
    use crate::cache::{Cache, Config};
    use crate::facts::{Batch, Change, FactId, Facts, Table};
    use crate::skills::ask::Asked;
    use crate::skills::chat::TemplateError;
    use crate::skills::clerk::{ClerkParts, Settings, SkillError};
    use crate::skills::copy::{CopyError, CopyOrder, Kind, Length, Tone};
    use crate::skills::double::{Double, Unlearned};
    use crate::skills::sample;
    use crate::skills::voice::Voice;
    use crate::skills::witness::{NotAsked, Said, Witness};
    use crate::telemetry::{CacheMetrics, SkillMetrics};

    type Meddling = Box<dyn Fn(&Facts) + Send>;

    /// A model whose template takes no message.
    struct Wordless;

    impl Voice for Wordless {
        fn speaker<'a>(
            &'a self,
            model: Option<&'a str>,
            _: Instant,
        ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>> {
            ready(self.at_hand(model)).boxed()
        }
        fn at_hand(&self, _: Option<&str>) -> Option<Arc<dyn Speaker>> {
            let why = || TemplateError::Refused("no system role".to_owned());
            Some(Arc::new(Double::saying(move |_| Err(why().into()))))
        }
    }

    /// A model during whose words the shop's facts change, each time once.
    struct Slow(Facts, Mutex<Vec<Meddling>>);

    struct House(Arc<Slow>);

    impl Voice for House {
        fn speaker<'a>(
            &'a self,
            _: Option<&'a str>,
            _: Instant,
        ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>> {
            let slow = Arc::clone(&self.0);
            let mouth = Double::saying(move |_| {
                if let Some(change) = slow.1.lock().unwrap().pop() {
                    change(&slow.0);
                }
                Ok("Meadow Whole Milk is a milk for the whole family.".to_owned())
            });
            ready(Some(Arc::new(mouth) as Arc<dyn Speaker>)).boxed()
        }
        fn at_hand(&self, _: Option<&str>) -> Option<Arc<dyn Speaker>> {
            None
        }
    }

    async fn copied(changes: Vec<Meddling>, write: bool) -> (Clerk, Result<Answer, CopyError>) {
        let facts = sample::shop();
        let slow = Arc::new(Slow(facts.clone(), Mutex::new(changes)));
        let clerk = clerk(facts, Arc::new(House(slow)));
        let order = CopyOrder { wishes: Wishes { write, ..Wishes::default() }, ..order() };
        let answer = clerk.copy(order, watch::Sender::default()).await;
        (clerk, answer)
    }

    fn clerk(facts: Facts, voice: Arc<dyn Voice>) -> Clerk {
        Clerk::new(ClerkParts {
            search: Arc::new(sample::search(&facts)),
            cache: Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default()),
            facts,
            voice,
            meaning: Arc::new(Unlearned),
            settings: Settings::default().into(),
            metrics: SkillMetrics::default(),
        })
    }

    fn order() -> CopyOrder {
        CopyOrder {
            sku: "1001".to_owned(),
            kind: Kind::Description,
            language: Language::English,
            tone: Tone::Neutral,
            length: Length::Medium,
            audience: None,
            scope: Scope::Store,
            model: None,
            wishes: Wishes::default(),
            deadline: at_night(),
        }
    }

    fn allergens(contains: Value) -> Meddling {
        Box::new(move |facts| {
            let mut product = json!({ "names": { "en": "Meadow Whole Milk" } });
            product["allergens"] = json!({ "contains": contains });
            sample::put(facts, Table::Products, "1001", product);
        })
    }

    #[tokio::test]
    async fn a_text_is_made_anew_where_what_it_tells_of_changed_while_it_was_made() {
        for write in [true, false] {
            for changes in [1, 2] {
                let all = [json!(["soy"]), json!(["nuts"])];
                let changes = all.into_iter().take(changes).map(allergens).collect();
                let (clerk, answer) = copied(changes, write).await;
                let (answer, name) = (answer.unwrap(), "products:1001#safety");
                let told = answer.facts.iter().find(|fact| fact.name == name).unwrap();
                let mut reader = clerk.facts().reader(sample::now());
                reader.product("1001").unwrap();
                let there = reader.finish().read.into_iter();
                let (_, now) = there.clone().find(|(read, _)| read.to_string() == name).unwrap();
                assert_eq!(told.revision, now.0, "keeps: {write}");
            }
        }
    }

    /// Notes what it sees.
    #[derive(Default)]
    struct Noting(Mutex<Vec<Said>>);

    impl Witness for Noting {
        fn made(&self, making: &Making<'_>) -> Option<String> {
            self.0.lock().unwrap().push(making.said.cloned().unwrap());
            Some("its record".to_owned())
        }
    }

    #[tokio::test]
    async fn what_a_model_said_is_witnessed_when_it_is_made_and_can_be_said_again() {
        let facts = sample::shop();
        let slow = Arc::new(Slow(facts.clone(), Mutex::default()));
        let noting = Arc::new(Noting::default());
        let clerk = clerk(facts, Arc::new(House(slow))).before(Arc::<Noting>::clone(&noting));
        for _ in 0..2 {
            let told = clerk.copy(order(), watch::Sender::default()).await.unwrap();
            assert_eq!(told.provenance.made.as_deref(), Some("its record"));
        }
        let seen = std::mem::take(&mut *noting.0.lock().unwrap());
        let [said] = seen.as_slice() else { panic!("made once: {seen:?}") };
        let again = |model| clerk.say_again(model, said.inputs.clone(), at_night());
        assert_eq!(again(("double", "00")).await.unwrap(), said.text);
        assert!(matches!(again(("double", "01")).await, Err(NotAsked::Other { .. })));
        assert!(matches!(again(("another", "00")).await, Err(NotAsked::Gone(_))));
    }

    #[tokio::test]
    async fn what_a_models_template_does_not_take_is_said_from_facts() {
        let clerk = clerk(sample::shop(), Arc::new(Wordless));
        let copied = clerk.copy(order(), watch::Sender::default()).await.unwrap();
        let asked = Asked {
            question: "Which pastry goes well with the roast coffee?".to_owned(),
            language: None,
            scope: Scope::Store,
            model: None,
            wishes: Wishes::default(),
            deadline: at_night(),
        };
        let screened = clerk.screen(&asked.question, asked.deadline).await;
        let asked = clerk.ask(asked, &screened, watch::Sender::default()).await.unwrap();
        for answer in [copied, asked] {
            assert!(!answer.text.is_empty());
            assert_eq!(answer.provenance.step, Step::Fallback);
            assert_eq!(answer.provenance.refused, ["template"]);
        }
    }

    #[tokio::test]
    async fn nothing_is_written_about_what_was_deleted_meanwhile() {
        for write in [true, false] {
            let delete: Meddling = Box::new(|facts| {
                let id = FactId { table: Table::Products, id: "1001".parse().unwrap() };
                let change = Change::Delete { id: id.clone(), source: None };
                facts.write(Batch::of(change), sample::now()).unwrap();
            });
            let (_, answer) = copied(vec![delete], write).await;
            assert!(
                matches!(answer, Err(CopyError::Skill(SkillError::NoProduct { .. }))),
                "keeps: {write}"
            );
        }
    }
}
