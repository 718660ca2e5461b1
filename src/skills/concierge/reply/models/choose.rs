//! A model chooses what is done: it can write nothing but what the menu has.

use std::sync::Arc;

use super::asking::Asking;
use super::prompt;
use crate::cache::Failure;
use crate::engine::{Form, Sampling};
use crate::facts::UnixSeconds;
use crate::skills::answer::{Answer, Step};
use crate::skills::checks::{Ground, Wording};
use crate::skills::clerk::Wishes;
use crate::skills::concierge::Concierge;
use crate::skills::concierge::reply::{Heard, SKILL};
use crate::skills::concierge::tools::schema::{Choice, Menu, parse};
use crate::skills::making::{Kind, Order};
use crate::skills::view::View;
use crate::skills::voice::Speaker;
use crate::skills::wanted::{Plan, Terms, seed};

/// As what choices are counted: they are no answers.
const COUNTED_AS: &str = "concierge_choice";
/// Tokens of a choice.
const MAX_TOKENS: usize = 110;

/// What a model chose, with what there is to record of it.
pub(super) struct Chosen {
    pub(super) choice: Choice,
    /// The choice as it was written, with by whom and how.
    pub(super) answer: Answer,
    pub(super) prompted: super::Prompted,
}

impl Concierge {
    /// What the model chooses of this menu, from the cache where the same was asked before; none
    /// where it could not be asked, or wrote nothing whole. `wishes` is what the shopper told of
    /// themselves.
    pub(super) async fn chosen(
        &self,
        asking: &Arc<Asking>,
        menu: &Menu,
        wishes: &str,
        speaker: &Arc<dyn Speaker>,
        heard: &Heard<'_>,
    ) -> Result<Option<Chosen>, Failure> {
        let clerk = &self.clerk;
        let template = prompt::choosing(asking, menu.says);
        let schema = menu.schema();
        let messages = prompt::choice(asking, menu, wishes);
        let seed = seed(&[&template, asking.language().code(), asking.question()]);
        let order = Order {
            messages,
            ground: Ground::default(),
            wording: Wording {
                max_chars: 0,
                min_words: 0,
                blocked: Vec::new(),
                question: String::new(),
            },
            language: asking.language(),
            sampling: Sampling { seed, ..Sampling::default() },
            max_tokens: MAX_TOKENS,
            // Its beginning is the same for everybody.
            scope: crate::engine::Scope::Public,
            deadline: heard.deadline,
            before: String::new(),
            fallback: String::new(),
            kind: Kind::Formed(Form::JsonSchema(schema.clone())),
        };
        // What stands on the conversation is nobody else's, and is not asked twice.
        let share = asking.stands_alone();
        let wanted = || {
            let terms = Terms {
                skill: SKILL,
                template: &template,
                speaker,
                language: asking.language(),
                blocked: &[],
                scope: heard.scope,
                wishes: Wishes { read: share, write: share, max_age: None },
            };
            let told = order.messages.last().map_or("", |message| message.content.as_str());
            let family = clerk.family(&terms).field("menu", schema.to_string());
            let key = family.field("told", told).finish(heard.scope);
            let (facts, search, order) =
                (clerk.facts.clone(), Arc::clone(&clerk.search), order.clone());
            let language = asking.language();
            // It stands on no fact: the names that it is told of are part of its key.
            let plan = move || {
                let view = View::open(&facts, &search, language, UnixSeconds::now());
                Plan { order: order.clone(), cited: Vec::new(), record: view.reader.finish() }
            };
            self.wanted(&terms, (key, seed), asking, plan)
        };
        let about = (COUNTED_AS, "choice");
        let Some(answer) = clerk.told(about, asking.language(), wanted).await? else {
            return Ok(None);
        };
        let choice = parse(&answer.text).filter(|_| answer.provenance.step == Step::Model);
        let attempt = answer.provenance.seed.map_or(0, |used| used.wrapping_sub(seed));
        let prompted = super::asking::prompted(&order, attempt);
        Ok(choice.map(|choice| Chosen { choice, answer, prompted }))
    }
}
