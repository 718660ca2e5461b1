//! Answers that nobody asks for just now, as the cache's night shift has them made.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::clerk::Clerk;
use super::{ask, copy};
use crate::cache::{Again, Maker, Recipe};

impl Maker for Clerk {
    fn again<'a>(&'a self, recipe: &'a Recipe) -> BoxFuture<'a, Again> {
        async move {
            match recipe.maker.as_str() {
                ask::SKILL => match recipe.order() {
                    Some(asked) => self.ask_again(asked).await,
                    None => Again::Never,
                },
                copy::SKILL => recipe.order().map_or(Again::Never, |order| self.copy_again(order)),
                _ => Again::Never,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use futures_util::future::ready;

    use super::*;
    use crate::cache::{Ask, Cache, Config, Scope, ScopeId};
    use crate::skills::ask::Asked;
    use crate::skills::clerk::{ClerkParts, Settings, Wishes};
    use crate::skills::copy::{CopyOrder, Kind, Length, Tone};
    use crate::skills::double::Double;
    use crate::skills::language::Language;
    use crate::skills::sample::{self, asked};
    use crate::skills::voice::{Meaning, Speaker, Voice};
    use crate::skills::wanted::at_night;
    use crate::telemetry::{CacheMetrics, SkillMetrics};

    const OPEN: &str = "Which pastry goes well with the roast coffee?";

    /// A model of this digest, where it is in memory, and an encoder that is installed or not.
    struct Mute(Option<&'static str>, bool);

    impl Voice for Mute {
        fn speaker<'a>(
            &'a self,
            _: Option<&'a str>,
            _: Instant,
        ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>> {
            panic!("nothing is loaded for the night shift")
        }
        fn at_hand(&self, _: Option<&str>) -> Option<Arc<dyn Speaker>> {
            let model = |digest| Double { digest, lacks: Some("fr"), ..Double::mute() };
            self.0.map(|digest| Arc::new(model(digest)) as _)
        }
    }

    impl Meaning for Mute {
        fn vector<'a>(&'a self, _: &'a str, _: Instant) -> BoxFuture<'a, Option<Arc<[f32]>>> {
            assert!(!self.1, "nothing is loaded for the night shift");
            ready(None).boxed()
        }
        fn encoder(&self) -> Option<String> {
            None
        }
        fn is_at_hand(&self) -> bool {
            !self.1
        }
    }

    fn clerk(model: Option<&'static str>, blocked: &[&str]) -> Clerk {
        clerk_of(Mute(model, false), blocked)
    }

    fn clerk_of(Mute(model, encoder): Mute, blocked: &[&str]) -> Clerk {
        let facts = sample::shop();
        let blocked_terms = blocked.iter().map(|term| (*term).to_owned()).collect();
        Clerk::new(ClerkParts {
            search: Arc::new(sample::search(&facts)),
            cache: Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default()),
            facts,
            voice: Arc::new(Mute(model, encoder)),
            meaning: Arc::new(Mute(model, encoder)),
            settings: Settings { blocked_terms, ..Settings::default() }.into(),
            metrics: SkillMetrics::default(),
        })
    }

    fn ordered(sku: &str) -> CopyOrder {
        CopyOrder {
            sku: sku.to_owned(),
            kind: Kind::ShelfTalker,
            language: Language::English,
            tone: Tone::Friendly,
            length: Length::Medium,
            audience: Some("families".to_owned()),
            scope: Scope::Public,
            model: None,
            wishes: Wishes::default(),
            deadline: at_night(),
        }
    }

    fn question(asked: &Asked) -> Recipe {
        Recipe::of(ask::SKILL, asked).unwrap()
    }

    fn order(order: &CopyOrder) -> Recipe {
        Recipe::of(copy::SKILL, order).unwrap()
    }

    async fn now(clerk: &Clerk, recipe: &Recipe) -> Ask {
        match clerk.again(recipe).await {
            Again::Now(ask, _) => *ask,
            Again::Later => panic!("later"),
            Again::Never => panic!("never"),
        }
    }

    #[tokio::test]
    async fn a_recipe_makes_the_question_that_it_is_of() {
        let clerk = clerk(Some("00"), &[]);
        for recipe in [question(&asked(OPEN)), order(&ordered("1001"))] {
            let ask = now(&clerk, &recipe).await;
            assert_eq!(ask.recipe.as_ref(), Some(&recipe));
            assert_eq!(now(&clerk, &recipe).await, ask, "and always the same");
        }
    }

    #[tokio::test]
    async fn another_model_or_another_setting_makes_another_question() {
        for recipe in [question(&asked(OPEN)), order(&ordered("1001"))] {
            let before = now(&clerk(Some("00"), &[]), &recipe).await.key;
            assert_eq!(now(&clerk(Some("00"), &[]), &recipe).await.key, before);
            assert_ne!(now(&clerk(Some("01"), &[]), &recipe).await.key, before);
            assert_ne!(now(&clerk(Some("00"), &["cheap"]), &recipe).await.key, before);
        }
    }

    #[tokio::test]
    async fn nothing_personal_is_in_a_recipe() {
        let clerk = clerk(Some("00"), &[]);
        let personal = format!("I am erika@example.org. {OPEN}");
        let recipe = now(&clerk, &question(&asked(&personal))).await.recipe.unwrap();
        let kept: Asked = recipe.order().unwrap();
        assert!(kept.question.ends_with(OPEN) && !kept.question.contains("erika"), "{kept:?}");
        for scope in [Scope::Shopper(ScopeId::of("erika")), Scope::Associate(ScopeId::of("a"))] {
            let recipe = question(&Asked { scope, ..asked(OPEN) });
            assert_eq!(now(&clerk, &recipe).await.recipe, None, "{scope}");
        }
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_never_made_and_what_is_not_in_memory_later() {
        let here = clerk(Some("00"), &[]);
        let french = Asked { language: Some(Language::French), ..asked(OPEN) };
        for never in [
            // Rules know the answer.
            question(&asked("How much is the whole milk?")),
            question(&french),
            order(&ordered("no such product")),
            order(&CopyOrder { kind: Kind::Promotion, ..ordered("1001") }),
            Recipe::of("poem", &1).unwrap(),
            Recipe::of(ask::SKILL, &()).unwrap(),
            Recipe::of(copy::SKILL, &()).unwrap(),
        ] {
            let again = here.again(&never).await;
            assert!(matches!(again, Again::Never), "{never:?}");
        }
        let away = clerk(None, &[]);
        for later in [question(&asked(OPEN)), order(&ordered("1001"))] {
            assert!(matches!(away.again(&later).await, Again::Later), "{later:?}");
        }
        let no_encoder = clerk_of(Mute(Some("00"), true), &[]);
        assert!(matches!(no_encoder.again(&question(&asked(OPEN))).await, Again::Later));
    }
}
