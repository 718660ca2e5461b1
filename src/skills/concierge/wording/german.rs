use super::Line;
use crate::skills::concierge::orders::{OrderState, Proof};

pub(super) fn write(line: Line<'_>) -> String {
    let fixed = match line {
        Line::GreetingOf { name } => {
            return format!("Guten Tag, ich bin {name}. Wie kann ich Ihnen helfen?");
        }
        Line::MachineOf { name } => {
            return format!(
                "Ich bin {name}, der digitale Assistent dieses Geschäfts. Ich bin eine Maschine, \
                 kein Mensch."
            );
        }
        Line::Instead { list } => return format!("Stattdessen können Sie {list} nehmen."),
        Line::NothingInstead { name } => {
            return format!("Ich finde nichts Vorrätiges, das {name} ersetzen könnte.");
        }
        Line::CheaperOnes { list } => return format!("Günstiger sind: {list}."),
        Line::NothingCheaper { name } => {
            return format!("Ich finde nichts Vorrätiges wie {name}, das weniger kostet.");
        }
        Line::GoesWith { name, list } => return format!("Zu {name} passt {list}."),
        Line::NothingGoesWith { name } => {
            return format!("Ich habe keinen Vorschlag, was zu {name} passt.");
        }
        Line::Found { list } => return format!("Ich habe {list} gefunden."),
        Line::Priced { name, price } => return format!("{name} für {price}"),
        Line::Noted { list } => {
            return format!(
                "Das merke ich mir für dieses Gespräch: {list}. Bitte prüfen Sie immer auch das \
                 Etikett."
            );
        }
        Line::Order { order, state } => {
            let state = match state {
                OrderState::Received => "ist eingegangen",
                OrderState::Packing => "wird gerade gepackt",
                OrderState::Ready => "liegt zur Abholung bereit",
                OrderState::Shipped => "ist unterwegs",
                OrderState::Delivered => "wurde geliefert",
                OrderState::Cancelled => "wurde storniert",
            };
            return format!("Ihre Bestellung {order} {state}.");
        }
        Line::OrderDue { day } => return format!("Sie wird am {day} erwartet."),
        Line::OrderPlace { place } => return format!("Wo Sie sie finden: {place}."),
        Line::OrderLines { list } => return format!("Darin sind {list}."),
        Line::OrderNotFound { order } => {
            return format!("Ich finde keine Bestellung {order}. Bitte prüfen Sie die Nummer.");
        }
        Line::OrderChanged { order } => return format!("Ihre Bestellung {order} wurde geändert."),
        Line::ReturnStarted { number } => {
            return format!("Ihre Rückgabe ist unter der Nummer {number} angemeldet.");
        }
        Line::ShopSays { text } => return format!("Das Bestellsystem meldet: „{text}“."),
        Line::ForThat { list } => return format!("Dafür haben wir {list}."),
        Line::Section { name, place } => return format!("{name}: {place}."),
        Line::Known { text } => return format!("Was ich weiß: {text}"),
        Line::OnlyShop => "Ich kann nur bei diesem Geschäft und seinen Produkten helfen.",
        Line::NoHealth => {
            "Zu Gesundheitsfragen darf ich nicht beraten; bitte fragen Sie in der Arztpraxis oder Apotheke. Ich sage Ihnen gern, was in einem Produkt ist, was es kostet und wo es steht."
        }
        Line::Greeting => "Guten Tag! Wie kann ich Ihnen helfen?",
        Line::Thanks => "Gern geschehen! Kann ich noch etwas für Sie tun?",
        Line::Bye => "Auf Wiedersehen und einen schönen Tag!",
        Line::Machine => {
            "Ich bin der digitale Assistent dieses Geschäfts. Ich bin eine Maschine, kein Mensch."
        }
        Line::CanDo => {
            "Fragen Sie mich, was etwas kostet, ob und wo wir es haben, was drin ist, was im Angebot \
             ist, wann wir geöffnet haben, und nach Ihrer Bestellung. Ich kann auch eine Person \
             rufen."
        }
        Line::Called => "Ich habe jemanden vom Personal gerufen. Gleich kommt jemand zu Ihnen.",
        Line::NobodyToCall => {
            "Ich kann von hier niemanden erreichen. Bitte gehen Sie zur Information oder fragen Sie \
             unser Personal."
        }
        Line::CalledAlready => "Jemand vom Personal ist gerufen und kommt gleich zu Ihnen.",
        Line::WhatElse => "In Ordnung. Was kann ich sonst für Sie tun?",
        Line::CardNumber => {
            "Bitte geben Sie hier keine Kartennummern ein. Ich habe Ihre Eingabe nicht gespeichert."
        }
        Line::Blocked => "Darüber spreche ich nicht. Bei unseren Produkten helfe ich gern.",
        Line::NothingFound => "Ich habe nichts Passendes gefunden.",
        Line::WhichOrder => "Welche Nummer hat Ihre Bestellung?",
        Line::Prove { by: Proof::PickupCode } => {
            "Dafür brauche ich den Abholcode aus Ihrer Bestätigung. Wie lautet er?"
        }
        Line::Prove { by: Proof::Postcode } => {
            "Dafür brauche ich die Postleitzahl der Bestellung. Wie lautet sie?"
        }
        Line::OrderRefused => "Das geht mit dieser Bestellung nicht.",
        Line::OrdersAway => {
            "Ich kann gerade nicht nach Bestellungen sehen. Bitte versuchen Sie es später oder fragen \
             Sie an der Information."
        }
        Line::NoOrders => {
            "Nach Bestellungen kann ich hier nicht sehen. Bitte fragen Sie an der Information."
        }
    };
    fixed.to_owned()
}
