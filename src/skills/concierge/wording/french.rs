use super::Line;
use crate::skills::concierge::orders::{OrderState, Proof};

pub(super) fn write(line: Line<'_>) -> String {
    let fixed = match line {
        Line::GreetingOf { name } => {
            return format!("Bonjour, je suis {name}. Comment puis-je vous aider ?");
        }
        Line::MachineOf { name } => {
            return format!(
                "Je suis {name}, l’assistant numérique de ce magasin. Je suis une machine, pas une \
                 personne."
            );
        }
        Line::Instead { list } => return format!("À la place, vous pouvez prendre {list}."),
        Line::NothingInstead { name } => {
            return format!("Je ne trouve rien en stock pour remplacer {name}.");
        }
        Line::CheaperOnes { list } => return format!("Moins chers : {list}."),
        Line::NothingCheaper { name } => {
            return format!("Je ne trouve rien en stock comme {name} qui coûte moins cher.");
        }
        Line::GoesWith { name, list } => return format!("Avec {name}, il y a {list}."),
        Line::NothingGoesWith { name } => {
            return format!("Je n’ai pas de suggestion pour accompagner {name}.");
        }
        Line::Found { list } => return format!("J’ai trouvé {list}."),
        Line::Priced { name, price } => return format!("{name} à {price}"),
        Line::Noted { list } => {
            return format!(
                "J’en tiens compte pour cette conversation : {list}. Vérifiez toujours aussi \
                 l’étiquette."
            );
        }
        Line::Order { order, state } => {
            let state = match state {
                OrderState::Received => "a été reçue",
                OrderState::Packing => "est en préparation",
                OrderState::Ready => "est prête à être retirée",
                OrderState::Shipped => "est en route",
                OrderState::Delivered => "a été livrée",
                OrderState::Cancelled => "a été annulée",
            };
            return format!("Votre commande {order} {state}.");
        }
        Line::OrderDue { day } => return format!("Elle est attendue le {day}."),
        Line::OrderPlace { place } => return format!("Où la trouver : {place}."),
        Line::OrderLines { list } => return format!("Elle contient {list}."),
        Line::OrderNotFound { order } => {
            return format!("Je ne trouve pas de commande {order}. Veuillez vérifier le numéro.");
        }
        Line::OrderChanged { order } => {
            return format!("Votre commande {order} a été modifiée.");
        }
        Line::ReturnStarted { number } => {
            return format!("Votre retour est enregistré sous le numéro {number}.");
        }
        Line::ShopSays { text } => {
            return format!("Le système de commandes indique : « {text} ».");
        }
        Line::ForThat { list } => return format!("Pour cela, nous avons {list}."),
        Line::Section { name, place } => return format!("{name} : {place}."),
        Line::Known { text } => return format!("Voici ce que je sais : {text}"),
        Line::OnlyShop => "Je peux seulement vous aider pour ce magasin et ses produits.",
        Line::NoHealth => {
            "Je ne peux pas donner de conseils de santé ; demandez à un médecin ou à un pharmacien. Je peux vous dire ce que contient un produit, son prix et où il se trouve."
        }
        Line::Greeting => "Bonjour ! Comment puis-je vous aider ?",
        Line::Thanks => "Avec plaisir ! Puis-je faire autre chose pour vous ?",
        Line::Bye => "Au revoir et bonne journée !",
        Line::Machine => {
            "Je suis l’assistant numérique de ce magasin. Je suis une machine, pas une personne."
        }
        Line::CanDo => {
            "Vous pouvez me demander le prix d’un article, si nous l’avons et où, ce qu’il contient, \
             les promotions, nos horaires, et votre commande. Je peux aussi appeler une personne."
        }
        Line::Called => "J’ai appelé un collègue. Quelqu’un va venir vous voir.",
        Line::NobodyToCall => {
            "Je ne peux joindre personne d’ici. Adressez-vous à l’accueil ou à notre personnel."
        }
        Line::CalledAlready => "Un collègue a été appelé et va venir vous voir.",
        Line::WhatElse => "Très bien. Que puis-je faire d’autre pour vous ?",
        Line::CardNumber => {
            "Merci de ne pas saisir de numéro de carte ici. Je n’ai pas gardé votre saisie."
        }
        Line::Blocked => "Je ne parle pas de cela. Je vous aide volontiers avec nos produits.",
        Line::NothingFound => "Je n’ai rien trouvé qui convienne.",
        Line::WhichOrder => "Quel est le numéro de votre commande ?",
        Line::Prove { by: Proof::PickupCode } => {
            "Pour en dire plus, il me faut le code de retrait de votre confirmation. Quel est-il ?"
        }
        Line::Prove { by: Proof::Postcode } => {
            "Pour en dire plus, il me faut le code postal de la commande. Quel est-il ?"
        }
        Line::OrderRefused => "Ce n’est pas possible avec cette commande.",
        Line::OrdersAway => {
            "Je ne peux pas consulter les commandes pour le moment. Réessayez plus tard ou demandez à \
             l’accueil."
        }
        Line::NoOrders => {
            "Je ne peux pas consulter les commandes ici. Demandez à l’accueil, s’il vous plaît."
        }
    };
    fixed.to_owned()
}
