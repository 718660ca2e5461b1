//! Orders and returns, through the retailer's own system.

use super::{Heard, Said};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::memory::Open;
use crate::skills::concierge::orders::{
    Action, MAX_LINES, OrderCall, OrderLine, OrderReply, OrderState, told,
};
use crate::skills::concierge::tools::Call;
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Step, Verdict};
use crate::skills::concierge::wording::{self, Line, Suggestion};
use crate::skills::figures;
use crate::skills::language::Language;

impl Concierge {
    /// Asks the retailer's system, or for what it needs to be asked.
    pub(super) async fn by_orders(
        &self,
        call: Call,
        proof: Option<String>,
        heard: &Heard<'_>,
        language: Language,
        trail: &mut Trail,
    ) -> Said {
        let intent = call.name();
        trail.begin(Step::Rule, intent).await;
        let Some(orders) = &self.orders else {
            trail.used(&call, "no_connector").await;
            trail.end(Step::Rule, Verdict::Refused, "no_connector");
            let said = Said::lines(intent, vec![wording::say(language, Line::NoOrders)]);
            return Said { suggestions: vec![Suggestion::Person], ..said };
        };
        if call.order().is_none_or(str::is_empty) {
            trail.end(Step::Rule, Verdict::Partly, "which_order");
            let said = Said::lines(intent, vec![wording::say(language, Line::WhichOrder)]);
            return Said { open: Some(Open::Order(call)), ..said };
        }
        let asked = asked(&call, proof);
        let number = asked.order.clone();
        let reply = orders.call(asked, format!("{}-{intent}", heard.key), heard.deadline).await;
        let (outcome, verdict) = match &reply {
            Ok(reply) => (name(reply), Verdict::Answered),
            Err(error) => {
                tracing::warn!(%error, "an order could not be looked at");
                ("unreachable", Verdict::Failed)
            }
        };
        trail.used(&call, outcome).await;
        trail.end(Step::Rule, verdict, outcome);
        match reply {
            Ok(OrderReply::NeedsProof { what }) => {
                let said =
                    Said::lines(intent, vec![wording::say(language, Line::Prove { by: what })]);
                Said { open: Some(Open::Proof(call)), ..said }
            }
            Ok(reply) => Said::lines(intent, sentences(&reply, &number, language)),
            Err(_) => {
                let said = Said::lines(intent, vec![wording::say(language, Line::OrdersAway)]);
                Said { helped: false, suggestions: vec![Suggestion::Person], ..said }
            }
        }
    }
}

/// What the retailer's system is asked.
fn asked(call: &Call, proof: Option<String>) -> OrderCall {
    let (action, note) = match call {
        Call::ChangeOrder { change, .. } => (Action::Change, Some(change)),
        Call::StartReturn { reason, .. } => (Action::Return, Some(reason)),
        _ => (Action::Status, None),
    };
    let note = note.filter(|note| !note.is_empty()).cloned();
    OrderCall { action, order: call.order().unwrap_or_default().to_owned(), proof, note }
}

/// What came of it: a word for programs.
fn name(reply: &OrderReply) -> &'static str {
    match reply {
        OrderReply::Status { state, .. } => match state {
            OrderState::Received => "received",
            OrderState::Packing => "packing",
            OrderState::Ready => "ready",
            OrderState::Shipped => "shipped",
            OrderState::Delivered => "delivered",
            OrderState::Cancelled => "cancelled",
        },
        OrderReply::Changed { .. } => "changed",
        OrderReply::ReturnStarted { .. } => "return_started",
        OrderReply::NeedsProof { .. } => "needs_proof",
        OrderReply::NotFound => "not_found",
        OrderReply::Refused { .. } => "refused",
    }
}

/// The answer of the retailer's system, said.
fn sentences(reply: &OrderReply, order: &str, language: Language) -> Vec<String> {
    let say = |line: Line<'_>| wording::say(language, line);
    let quoted = |text: &Option<String>| {
        let text = text.as_deref().map(told).filter(|text| !text.is_empty())?;
        Some(say(Line::ShopSays { text: &text }))
    };
    match reply {
        OrderReply::Status { state, lines, due, place } => {
            let mut said = vec![say(Line::Order { order, state: *state })];
            if !lines.is_empty() {
                let list =
                    figures::all(lines.iter().take(MAX_LINES).map(counted).collect(), language);
                said.push(say(Line::OrderLines { list: &list }));
            }
            if let Some(day) = due.as_deref().and_then(|due| day(due, language)) {
                said.push(say(Line::OrderDue { day: &day }));
            }
            if let Some(place) = place.as_deref().map(told).filter(|place| !place.is_empty()) {
                said.push(say(Line::OrderPlace { place: &place }));
            }
            said
        }
        OrderReply::Changed { text } => {
            [Some(say(Line::OrderChanged { order })), quoted(text)].into_iter().flatten().collect()
        }
        OrderReply::ReturnStarted { number, text } => {
            let number = told(number);
            let started = say(Line::ReturnStarted { number: &number });
            [Some(started), quoted(text)].into_iter().flatten().collect()
        }
        OrderReply::Refused { text } => {
            [Some(say(Line::OrderRefused)), quoted(text)].into_iter().flatten().collect()
        }
        OrderReply::NotFound => vec![say(Line::OrderNotFound { order })],
        OrderReply::NeedsProof { what } => vec![say(Line::Prove { by: *what })],
    }
}

fn counted(line: &OrderLine) -> String {
    format!("{} × {}", line.quantity, told(&line.name))
}

/// A day as the language says it; none where it is no date.
fn day(due: &str, language: Language) -> Option<String> {
    due.parse().ok().map(|date| figures::day(date, language))
}
