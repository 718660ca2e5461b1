use super::Line;
use crate::skills::concierge::orders::{OrderState, Proof};

pub(super) fn write(line: Line<'_>) -> String {
    let fixed = match line {
        Line::GreetingOf { name } => return format!("Hello, I am {name}. How can I help you?"),
        Line::MachineOf { name } => {
            return format!(
                "I am {name}, the digital assistant of this shop. I am a machine, not a person."
            );
        }
        Line::Instead { list } => return format!("You could take {list} instead."),
        Line::NothingInstead { name } => {
            return format!("I find nothing in stock that could replace {name}.");
        }
        Line::CheaperOnes { list } => return format!("These cost less: {list}."),
        Line::NothingCheaper { name } => {
            return format!("I find nothing like {name} in stock that costs less.");
        }
        Line::GoesWith { name, list } => return format!("With {name} goes {list}."),
        Line::NothingGoesWith { name } => {
            return format!("I have no suggestion for what goes with {name}.");
        }
        Line::Found { list } => return format!("I found {list}."),
        Line::Priced { name, price } => return format!("{name} for {price}"),
        Line::Noted { list } => {
            return format!(
                "I keep that in mind for this conversation: {list}. Please always check the label \
                 as well."
            );
        }
        Line::Order { order, state } => {
            let state = match state {
                OrderState::Received => "has been received",
                OrderState::Packing => "is being packed",
                OrderState::Ready => "is ready to be picked up",
                OrderState::Shipped => "is on its way",
                OrderState::Delivered => "has been delivered",
                OrderState::Cancelled => "has been cancelled",
            };
            return format!("Your order {order} {state}.");
        }
        Line::OrderDue { day } => return format!("It is expected on {day}."),
        Line::OrderPlace { place } => return format!("Where to find it: {place}."),
        Line::OrderLines { list } => return format!("It has {list}."),
        Line::OrderNotFound { order } => {
            return format!("I do not find an order {order}. Please check the number.");
        }
        Line::OrderChanged { order } => return format!("Your order {order} has been changed."),
        Line::ReturnStarted { number } => {
            return format!("Your return is registered under the number {number}.");
        }
        Line::ShopSays { text } => return format!("The shop's order system says: “{text}”."),
        Line::ForThat { list } => return format!("For that we have {list}."),
        Line::Section { name, place } => return format!("{name}: {place}."),
        Line::Known { text } => return format!("What I know is this: {text}"),
        Line::OnlyShop => "I can only help with this shop and its products.",
        Line::NoHealth => {
            "I cannot give advice on health; please ask a doctor or pharmacist. I can tell you what is in a product, what it costs and where it stands."
        }
        Line::Greeting => "Hello! How can I help you?",
        Line::Thanks => "You are welcome! Is there anything else?",
        Line::Bye => "Goodbye, and have a nice day!",
        Line::Machine => "I am the digital assistant of this shop. I am a machine, not a person.",
        Line::CanDo => {
            "You can ask me what something costs, whether and where we have it, what is in it, what \
             is on offer, when we are open, and about your order. I can also call a colleague."
        }
        Line::Called => "I have called a colleague. Somebody will be with you soon.",
        Line::NobodyToCall => {
            "I cannot reach a colleague from here. Please go to the service desk or ask anybody of \
             our staff."
        }
        Line::CalledAlready => "A colleague has been called and will be with you soon.",
        Line::WhatElse => "All right. What else can I do for you?",
        Line::CardNumber => {
            "Please do not type numbers of payment cards here. I have not kept what you typed."
        }
        Line::Blocked => "I do not talk about that. I am happy to help with our products.",
        Line::NothingFound => "I found nothing that fits.",
        Line::WhichOrder => "What is the number of your order?",
        Line::Prove { by: Proof::PickupCode } => {
            "To tell you more I need the pick-up code of your confirmation. What is it?"
        }
        Line::Prove { by: Proof::Postcode } => {
            "To tell you more I need the postcode of the order. What is it?"
        }
        Line::OrderRefused => "That cannot be done with this order.",
        Line::OrdersAway => {
            "I cannot look at orders right now. Please try again later or ask at the service desk."
        }
        Line::NoOrders => "I cannot look at orders here. Please ask at the service desk.",
    };
    fixed.to_owned()
}
