//! What needs no facts: languages, topics, greetings, a person, and answers to questions of ours.

use super::models::only_shop;
use super::{Heard, Reply, Said};
use crate::facts::UnixSeconds;
use crate::skills::ask::{Intent, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::desk::Why;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::foreign::{foreign, unspoken};
use crate::skills::concierge::memory::{Memory, Open};
use crate::skills::concierge::phrases::{self, Cue};
use crate::skills::concierge::summary::{summary, wishes};
use crate::skills::concierge::tools::chosen::number;
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Details, Handoff, Step, Verdict};
use crate::skills::concierge::wording::{self, Line, Suggestion, suggest};
use crate::skills::language::Language;
use crate::skills::mood::{self, Trigger};
use crate::skills::view::View;
use crate::skills::words::fold;

/// How angry a message may sound by its words before its meaning is looked at.
const UNCLEAR_ANGER: f32 = 0.2;
/// Words from which on a message may say how somebody feels.
const MOODY_WORDS: usize = 4;
/// Characters of what shows whose an order is.
const MAX_PROOF_CHARS: usize = 40;

impl Concierge {
    /// That numbers of cards are not taken; what was typed is forgotten.
    pub(super) async fn card_number(&self, heard: &Heard<'_>, trail: &mut Trail) -> Reply {
        let language = heard.language.unwrap_or(heard.spoken);
        trail.pass(Step::Rule, Verdict::Refused, "card_number").await;
        let text = wording::say(language, Line::CardNumber);
        let reply = self.plain(language.code(), language, text, trail).await;
        Reply { forget: true, ..reply }
    }

    /// That a language is not spoken here, where that is so.
    pub(super) async fn not_spoken(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        trail: &mut Trail,
    ) -> Option<Reply> {
        let house = self.house();
        let spoken = house.spoken();
        let (code, text) = match heard.language {
            None => foreign(&read.text, &spoken),
            Some(_) => None,
        }
        .or_else(|| {
            let own = read.language;
            (!house.speaks(own)).then(|| (own.code(), unspoken(own, &spoken)))
        })?;
        trail.pass(Step::Rule, Verdict::Refused, "language_not_spoken").await;
        let language = spoken.first().copied().unwrap_or_default();
        Some(self.plain(code, language, text, trail).await)
    }

    /// A reply that stands on no facts.
    async fn plain(
        &self,
        code: &str,
        language: Language,
        text: String,
        trail: &mut Trail,
    ) -> Reply {
        trail.say(&text).await;
        let details = Details {
            suggestions: vec![suggest(language, Suggestion::Person).to_owned()],
            route: std::mem::take(&mut trail.route),
            disclosure: crate::skills::wording::disclosure(language, false).to_owned(),
            ..Details::default()
        };
        Reply {
            text,
            code: code.to_owned(),
            language,
            details,
            answer: None,
            prompt: None,
            forget: false,
        }
    }

    /// What a rule answers.
    pub(super) async fn by_rule(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Option<Said> {
        let (language, phrases) = (read.language, phrases::of(read.language));
        if self.is_blocked(&read.text) {
            trail.pass(Step::Rule, Verdict::Refused, "blocked_topic").await;
            return Some(Said::lines("blocked", vec![wording::say(language, Line::Blocked)]));
        }
        if phrases.has(Cue::Instructions, &read.words) {
            trail.pass(Step::Rule, Verdict::Refused, "instructions").await;
            return Some(only_shop(language));
        }
        if let Some(reason) = self.alarm(heard, read, memory).await {
            return Some(self.person(reason, heard, memory, language, trail).await);
        }
        if let Some(said) = self.to_open(heard, read, memory, trail).await {
            return Some(said);
        }
        let is_question = read.text.contains('?');
        if phrases.has(Cue::Diet, &read.words) {
            let (without, must) = Diet::told(&read.words, language).names();
            memory.wish(without, must);
            let told = wishes(memory, language);
            if !is_question && !told.is_empty() {
                trail.pass(Step::Rule, Verdict::Answered, "wish_noted").await;
                return Some(Said::lines(
                    "wish",
                    vec![wording::say(language, Line::Noted { list: &told })],
                ));
            }
        }
        if let Some(said) = self.not_ours(read, trail).await {
            return Some(said);
        }
        let house = self.house();
        let name = house.name.as_deref();
        let (reason, line) = match phrases.cue(&read.words)? {
            Cue::Greeting => ("greeting", self.greeting(language)),
            Cue::Thanks => ("thanks", wording::say(language, Line::Thanks)),
            Cue::Bye => ("goodbye", wording::say(language, Line::Bye)),
            Cue::CanDo => ("can_do", wording::say(language, Line::CanDo)),
            Cue::WhoAreYou => {
                let who = name.map_or(Line::Machine, |name| Line::MachineOf { name });
                let what = wording::say(language, Line::CanDo);
                ("who", format!("{} {what}", wording::say(language, who)))
            }
            _ => return None,
        };
        trail.pass(Step::Rule, Verdict::Answered, reason).await;
        let suggestions = vec![Suggestion::Offers, Suggestion::Hours];
        Some(Said { suggestions, ..Said::lines(reason, vec![line]) })
    }

    /// What a shop must not or cannot answer: what is good for somebody's health, and what it has
    /// nothing to do with.
    async fn not_ours(&self, read: &Read, trail: &mut Trail) -> Option<Said> {
        let phrases = phrases::of(read.language);
        let open = matches!(read.intent(), Intent::Open | Intent::About);
        let ideas = phrases.has(Cue::Idea, &read.words);
        if phrases.has(Cue::Health, &read.words) && (open || ideas) {
            trail.pass(Step::Rule, Verdict::Refused, "health").await;
            let said = Said::lines("health", vec![wording::say(read.language, Line::NoHealth)]);
            return Some(Said { suggestions: vec![Suggestion::Person], ..said });
        }
        if phrases.has(Cue::Elsewhere, &read.words) && open && !ideas {
            trail.pass(Step::Rule, Verdict::Refused, "off_topic").await;
            return Some(only_shop(read.language));
        }
        None
    }

    /// How the chain greets.
    pub(in crate::skills::concierge) fn greeting(&self, language: Language) -> String {
        let house = self.house();
        match (house.greetings.get(&language), house.name.as_deref()) {
            (Some(own), _) => own.clone(),
            (None, Some(name)) => wording::say(language, Line::GreetingOf { name }),
            (None, None) => wording::say(language, Line::Greeting),
        }
    }

    /// An answer to what we asked.
    async fn to_open(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Option<Said> {
        let (language, phrases) = (read.language, phrases::of(read.language));
        match memory.open.take()? {
            Open::Which if phrases.cue(&read.words) == Some(Cue::No) => {
                trail.pass(Step::Rule, Verdict::Answered, "none_of_them").await;
                Some(Said::lines("none_of_them", vec![wording::say(language, Line::WhatElse)]))
            }
            Open::Which => {
                // It is told below which one is meant.
                memory.open = Some(Open::Which);
                None
            }
            Open::Order(call) => {
                let order = number(&read.text)?;
                Some(self.by_orders(call.with_order(order), None, heard, language, trail).await)
            }
            // A postcode may look like something else that is personal: it is asked for here.
            Open::Proof(call) => {
                let proof: String = heard.text.trim().chars().take(MAX_PROOF_CHARS).collect();
                let asks = heard.text.contains('?') || read.words.len() > 4;
                if asks || proof.is_empty() {
                    return None;
                }
                Some(self.by_orders(call, Some(proof), heard, language, trail).await)
            }
        }
    }

    /// Why a person should take over, told from how a message sounds; none where one was called
    /// already. Answers that did not help are counted elsewhere.
    async fn alarm(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        memory: &mut Memory,
    ) -> Option<&'static str> {
        let mut mood = mood::read(&read.text, read.language, None, 0);
        // What a vector takes is spent where words leave it open.
        let unclear = mood.trigger.is_none()
            && (mood.anger > UNCLEAR_ANGER || read.intent() == Intent::Open)
            && read.words.len() >= MOODY_WORDS;
        if unclear && let Some(vector) = self.clerk.meaning.vector(&read.text, heard.deadline).await
        {
            mood = mood::read(&read.text, read.language, Some(&vector), 0);
        }
        memory.anger = mood.anger;
        let trigger = mood.trigger.filter(|_| !memory.called)?;
        // "Are you a real person?" asks who speaks.
        let asks_who = phrases::of(read.language).cue(&read.words) == Some(Cue::WhoAreYou);
        if asks_who && matches!(trigger, Trigger::WantsPerson | Trigger::Anger) {
            return None;
        }
        Some(match trigger {
            Trigger::Medical => "medical",
            Trigger::AllergyRisk => "allergy_risk",
            Trigger::Legal => "legal",
            Trigger::WantsPerson => "wants_person",
            Trigger::Anger => "anger",
            Trigger::RepeatedFailure => return None,
        })
    }

    /// Calls a person, where one can be called.
    pub(super) async fn person(
        &self,
        reason: &'static str,
        heard: &Heard<'_>,
        memory: &Memory,
        language: Language,
        trail: &mut Trail,
    ) -> Said {
        if memory.called {
            trail.pass(Step::Handoff, Verdict::Skipped, "called_already").await;
            return Said::lines("person", vec![wording::say(language, Line::CalledAlready)]);
        }
        trail.begin(Step::Handoff, reason).await;
        let called = self.call(reason, heard, memory);
        let line = match &called {
            Ok(_) => {
                trail.end(Step::Handoff, Verdict::Answered, reason);
                Line::Called
            }
            Err(why) => {
                trail.end(Step::Handoff, Verdict::Failed, *why);
                Line::NobodyToCall
            }
        };
        let said = Said::lines("person", vec![wording::say(language, line)]);
        Said { call: called.ok(), ..said }
    }

    /// Rings at the desk, with what it is about in the shop's language.
    fn call(
        &self,
        reason: &'static str,
        heard: &Heard<'_>,
        memory: &Memory,
    ) -> Result<Handoff, &'static str> {
        let (Some(desk), Some(conversation)) = (&self.desk, heard.conversation) else {
            return Err("no_desk");
        };
        let language = self.clerk.settings.now().language;
        let (clerk, now) = (&self.clerk, UnixSeconds::now());
        let mut view = View::open(&clerk.facts, &clerk.search, language, now);
        let why = Why {
            reason: reason.to_owned(),
            anger: memory.anger,
            summary: summary(memory, heard.screened.text(), &mut view),
            suggested_replies: Vec::new(),
        };
        match desk.hand_off(conversation, why) {
            Ok(called) => Ok(Handoff { id: called.id, reason: reason.to_owned() }),
            Err(error) => {
                tracing::warn!(%error, reason, "no person could be called");
                Err("desk_failed")
            }
        }
    }

    /// Whether a text has a topic that the chain does not talk about.
    fn is_blocked(&self, text: &str) -> bool {
        let folded = format!(" {} ", fold(text));
        self.house().blocked_topics.iter().any(|topic| {
            let topic = fold(topic);
            !topic.is_empty() && folded.contains(&format!(" {topic} "))
        })
    }
}
