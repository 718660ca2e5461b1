//! `concierge`: the shop's conversation.
//!
//! [`Concierge::begin`] opens a conversation, [`Concierge::hear`] answers a message in it and tells of
//! its work meanwhile ([`Telling`]). The cheapest step that can answers: a rule, facts, a tool, the
//! usual model, the larger one, a person; each leaves its reason in the turn's route ([`Passed`]).
//! What a conversation has in mind ([`Memory`]) tells what "it" and "the second one" mean.
//!
//! [`Orders`], [`Desk`] and [`Auditor`] are what it asks of others: the retailer's order system,
//! whoever calls a person, whoever keeps records.
//!
//! **Invariants**
//! - Prices, dates and allergens are said by sentences filled from facts, or by a text that the checks
//!   let through. Facts that are too old are not told.
//! - What a shopper typed is redacted before it is kept, looked up or told to a model. The number of a
//!   payment card is not kept at all.
//! - Texts of shoppers, facts and the retailer's system stand quoted in prompts. No step follows them.
//! - A model can use no tool that is not there, and name no product but what was shown or found.
//! - Only answers that stand on nothing of the conversation or a profile go through the cache.
//! - One message of a conversation is answered at a time; its memory and turns have limits.
//!
//! **Not here**: HTTP, tokens, how conversations are kept (`shoppers`), how the order system is reached.

mod auditor;
mod cards;
mod conversation;
mod desk;
mod diet;
mod foreign;
mod memory;
mod orders;
mod phrases;
mod refer;
mod reply;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod tools;
mod trail;
mod turn;
mod wording;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use auditor::{Answered, Auditor};
pub use conversation::{ConciergeError, Message};
pub use desk::{Called, Desk, DeskError, Summary, Why};
pub use memory::Memory;
pub use orders::{
    Action, OrderCall, OrderLine, OrderReply, OrderState, Orders, OrdersError, Proof,
};
pub use reply::Prompted;
pub use settings::House;
pub use tools::{Call, ToolUse};
pub use turn::{Card, Citation, Details, Handoff, InStock, Level, Passed, Step, Telling, Verdict};

use super::clerk::Clerk;
use crate::shoppers::Shoppers;

/// The shop's side of every conversation.
pub struct Concierge {
    clerk: Arc<Clerk>,
    shoppers: Shoppers,
    house: RwLock<Arc<House>>,
    orders: Option<Arc<dyn Orders>>,
    desk: Option<Arc<dyn Desk>>,
    auditor: Option<Arc<dyn Auditor>>,
    /// Conversations in which a message is being answered.
    busy: Mutex<BTreeSet<String>>,
}

/// What a [`Concierge`] is made of.
pub struct ConciergeParts {
    /// Who answers from facts.
    pub clerk: Arc<Clerk>,
    /// Where conversations are kept.
    pub shoppers: Shoppers,
    /// What the chain decides.
    pub house: House,
    /// The retailer's order system, where there is one.
    pub orders: Option<Arc<dyn Orders>>,
    /// Whoever calls a person, where somebody does.
    pub desk: Option<Arc<dyn Desk>>,
    /// Whoever keeps records, where somebody does.
    pub auditor: Option<Arc<dyn Auditor>>,
}

impl Concierge {
    /// Joins these parts.
    pub fn new(parts: ConciergeParts) -> Self {
        let ConciergeParts { clerk, shoppers, house, orders, desk, auditor } = parts;
        let (house, busy) = (RwLock::new(Arc::new(house)), Mutex::default());
        Self { clerk, shoppers, house, orders, desk, auditor, busy }
    }

    /// Where conversations are kept.
    pub fn shoppers(&self) -> &Shoppers {
        &self.shoppers
    }

    /// What the chain calls the assistant.
    pub fn name(&self) -> Option<String> {
        self.house().name.clone()
    }

    /// Sets what the chain decides, from the next message on.
    pub fn set_house(&self, house: House) {
        *self.house.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(house);
    }

    fn house(&self) -> Arc<House> {
        Arc::clone(&self.house.read().unwrap_or_else(PoisonError::into_inner))
    }
}
