//! A shop with an assistant, and somebody who talks to it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::*;
use crate::cache::{Cache, Config};
use crate::facts::{Facts, UnixSeconds};
use crate::shoppers::{
    Consent, Conversation, ConversationId, Owner, ProfileFields, Shoppers, ShoppersConfig, Turn,
};
use crate::skills::clerk::{ClerkParts, Settings};
pub(super) use crate::skills::double::Models;
use crate::skills::double::{Mouths, Unlearned};
use crate::skills::sample;
use crate::skills::witness::Witness;
use crate::telemetry::{CacheMetrics, SkillMetrics};

/// A desk that notes who was called, or cannot be reached.
#[derive(Default)]
pub(super) struct Bell {
    pub(super) rung: Mutex<Vec<Why>>,
}

impl Desk for Bell {
    fn hand_off(&self, _: &Conversation, why: Why) -> Result<Called, DeskError> {
        let mut rung = self.rung.lock().unwrap();
        rung.push(why);
        Ok(Called { id: format!("h{}", rung.len()) })
    }

    fn is_staffed(&self) -> bool {
        true
    }
}

/// A shop, its assistant, and one conversation.
pub(super) struct House {
    pub(super) concierge: Concierge,
    pub(super) facts: Facts,
    pub(super) bell: Arc<Bell>,
    pub(super) conversation: ConversationId,
    pub(super) _folder: TempDir,
}

#[derive(Default)]
pub(super) struct Built {
    pub(super) models: Models,
    pub(super) house: super::super::House,
    pub(super) orders: Option<Arc<dyn Orders>>,
    pub(super) auditor: Option<Arc<dyn Auditor>>,
    pub(super) witness: Option<Arc<dyn Witness>>,
}

impl House {
    pub(super) fn new() -> Self {
        Self::of(Built::default())
    }

    pub(super) fn of(built: Built) -> Self {
        let facts = sample::ageless_shop();
        let folder = TempDir::new().unwrap();
        let shoppers = Shoppers::open(folder.path(), ShoppersConfig::default()).unwrap();
        let clerk = Clerk::new(ClerkParts {
            search: Arc::new(sample::search(&facts)),
            cache: Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default()),
            facts: facts.clone(),
            voice: Arc::new(Mouths(built.models)),
            meaning: Arc::new(Unlearned),
            settings: Settings::default().into(),
            metrics: SkillMetrics::default(),
        });
        let clerk = match built.witness {
            Some(witness) => clerk.before(witness),
            None => clerk,
        };
        let bell = Arc::new(Bell::default());
        let concierge = Concierge::new(ConciergeParts {
            clerk: Arc::new(clerk),
            shoppers,
            house: built.house,
            orders: built.orders,
            desk: Some(Arc::<Bell>::clone(&bell)),
            auditor: built.auditor,
        });
        let owner = Owner { device: "d".into(), class: "kiosk".into(), zone: None };
        let (begun, greeting) = concierge.begin(owner, None, None).unwrap();
        assert!(!greeting.text.is_empty());
        Self { concierge, facts, bell, conversation: begun.id, _folder: folder }
    }

    /// Says something and gives what is answered, with what goes with it.
    pub(super) async fn turn(&self, text: &str) -> (Turn, Details) {
        let message = Message {
            text: text.to_owned(),
            language: None,
            deadline: Instant::now() + Duration::from_secs(60),
        };
        let turn = self.concierge.hear(&self.conversation, message, None).await.unwrap();
        let details = turn.details.clone().map(serde_json::from_value).transpose().unwrap();
        (turn, details.unwrap_or_default())
    }

    /// The text of an answer, with ordinary spaces.
    pub(super) async fn say(&self, text: &str) -> String {
        self.turn(text).await.0.text.replace('\u{a0}', " ")
    }

    /// Whether each message of a conversation is answered with these words.
    pub(super) async fn talk(&self, turns: &[(&str, &str)]) {
        for (said, wanted) in turns {
            let answer = self.say(said).await;
            assert!(answer.contains(wanted), "{said}: {answer:?} has no {wanted:?}");
        }
    }

    pub(super) fn kept(&self) -> Conversation {
        let now = UnixSeconds::now().0.unsigned_abs();
        self.concierge.shoppers().conversation(&self.conversation, now).unwrap()
    }

    pub(super) fn profile(&self, fields: ProfileFields) {
        let now = UnixSeconds::now().0.unsigned_abs();
        let consent = Consent { at: now };
        let shoppers = self.concierge.shoppers();
        shoppers.keep_profile_of(&self.conversation, fields, consent, now).unwrap();
    }
}

/// The steps of a route with their outcomes, as words.
pub(super) fn route(details: &Details) -> Vec<String> {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let told = details.route.iter().map(|passed| {
        let outcome = word(serde_json::to_value(passed.outcome).unwrap());
        format!("{} {outcome} {}", passed.step.name(), passed.reason)
    });
    told.collect()
}
