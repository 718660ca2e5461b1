use super::Line;
use crate::skills::concierge::orders::{OrderState, Proof};

pub(super) fn write(line: Line<'_>) -> String {
    let fixed = match line {
        Line::GreetingOf { name } => return format!("Hola, soy {name}. ¿En qué puedo ayudarle?"),
        Line::MachineOf { name } => {
            return format!(
                "Soy {name}, el asistente digital de esta tienda. Soy una máquina, no una persona."
            );
        }
        Line::Instead { list } => return format!("En su lugar puede llevarse {list}."),
        Line::NothingInstead { name } => {
            return format!("No encuentro nada disponible que pueda sustituir a {name}.");
        }
        Line::CheaperOnes { list } => return format!("Cuestan menos: {list}."),
        Line::NothingCheaper { name } => {
            return format!("No encuentro nada disponible como {name} que cueste menos.");
        }
        Line::GoesWith { name, list } => return format!("Con {name} combina {list}."),
        Line::NothingGoesWith { name } => {
            return format!("No tengo ninguna sugerencia para combinar con {name}.");
        }
        Line::Found { list } => return format!("He encontrado {list}."),
        Line::Priced { name, price } => return format!("{name} por {price}"),
        Line::Noted { list } => {
            return format!(
                "Lo tengo en cuenta en esta conversación: {list}. Compruebe siempre también la \
                 etiqueta."
            );
        }
        Line::Order { order, state } => {
            let state = match state {
                OrderState::Received => "ha sido recibido",
                OrderState::Packing => "se está preparando",
                OrderState::Ready => "está listo para recoger",
                OrderState::Shipped => "está en camino",
                OrderState::Delivered => "ha sido entregado",
                OrderState::Cancelled => "ha sido cancelado",
            };
            return format!("Su pedido {order} {state}.");
        }
        Line::OrderDue { day } => return format!("Se espera para el {day}."),
        Line::OrderPlace { place } => return format!("Dónde encontrarlo: {place}."),
        Line::OrderLines { list } => return format!("Contiene {list}."),
        Line::OrderNotFound { order } => {
            return format!("No encuentro el pedido {order}. Compruebe el número, por favor.");
        }
        Line::OrderChanged { order } => return format!("Su pedido {order} se ha cambiado."),
        Line::ReturnStarted { number } => {
            return format!("Su devolución está registrada con el número {number}.");
        }
        Line::ShopSays { text } => return format!("El sistema de pedidos dice: «{text}»."),
        Line::ForThat { list } => return format!("Para eso tenemos {list}."),
        Line::Section { name, place } => return format!("{name}: {place}."),
        Line::Known { text } => return format!("Lo que sé es esto: {text}"),
        Line::OnlyShop => "Solo puedo ayudarle con esta tienda y sus productos.",
        Line::NoHealth => {
            "No puedo dar consejos de salud; consulte a un médico o en la farmacia. Puedo decirle qué contiene un producto, cuánto cuesta y dónde está."
        }
        Line::Greeting => "¡Hola! ¿En qué puedo ayudarle?",
        Line::Thanks => "¡De nada! ¿Necesita algo más?",
        Line::Bye => "¡Adiós, que tenga un buen día!",
        Line::Machine => {
            "Soy el asistente digital de esta tienda. Soy una máquina, no una persona."
        }
        Line::CanDo => {
            "Puede preguntarme cuánto cuesta algo, si lo tenemos y dónde, qué contiene, qué ofertas \
             hay, cuándo abrimos y por su pedido. También puedo llamar a una persona."
        }
        Line::Called => "He llamado a un compañero. Enseguida le atenderá alguien.",
        Line::NobodyToCall => {
            "Desde aquí no puedo avisar a nadie. Diríjase al mostrador de atención o pregunte a \
             nuestro personal."
        }
        Line::CalledAlready => "Ya he llamado a un compañero y enseguida le atenderá.",
        Line::WhatElse => "De acuerdo. ¿Qué más puedo hacer por usted?",
        Line::CardNumber => {
            "Por favor, no escriba aquí números de tarjetas. No he guardado lo que ha escrito."
        }
        Line::Blocked => "No hablo de eso. Con gusto le ayudo con nuestros productos.",
        Line::NothingFound => "No he encontrado nada que encaje.",
        Line::WhichOrder => "¿Qué número tiene su pedido?",
        Line::Prove { by: Proof::PickupCode } => {
            "Para decirle más necesito el código de recogida de su confirmación. ¿Cuál es?"
        }
        Line::Prove { by: Proof::Postcode } => {
            "Para decirle más necesito el código postal del pedido. ¿Cuál es?"
        }
        Line::OrderRefused => "Eso no es posible con este pedido.",
        Line::OrdersAway => {
            "Ahora no puedo consultar los pedidos. Inténtelo más tarde o pregunte en el mostrador de \
             atención."
        }
        Line::NoOrders => "Aquí no puedo consultar pedidos. Pregunte en el mostrador de atención.",
    };
    fixed.to_owned()
}
