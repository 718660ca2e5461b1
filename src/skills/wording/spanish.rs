use super::Say;

pub(super) fn write(say: Say<'_>) -> String {
    match say {
        Say::Costs { name, price } => format!("{name} cuesta {price}."),
        Say::CostsInstead { name, price, was } => {
            format!("{name} cuesta {price} en lugar de {was}.")
        }
        Say::NoPrice { name } => {
            format!("No tenemos precio de {name}. Pregunte a nuestro personal.")
        }
        Say::PricesOld => {
            "No puedo decir el precio: nuestros precios no están al día ahora mismo. Mire la \
             etiqueta del estante o pregunte a nuestro personal."
                .to_owned()
        }
        Say::There { name } => format!("Sí, tenemos {name}."),
        Say::Few { name } => format!("Sí, tenemos {name}, pero queda poco."),
        Say::SoldOut { name } => format!("{name} está agotado en este momento."),
        Say::StockUnknown { name } => {
            format!("Vendemos {name}, pero no veo si está en el estante.")
        }
        Say::StockOld { name } => format!(
            "Vendemos {name}, pero nuestros datos de existencias no están al día. Pregunte a \
             nuestro personal."
        ),
        Say::Place { name, place } => format!("{name}: {place}."),
        Say::NoPlace { name } => {
            format!("No sé dónde está {name}. Pregunte a nuestro personal.")
        }
        Say::OnOffer { name, offer } => format!("Sí, {name} está en oferta: {offer}."),
        Say::NotOnOffer { name } => format!("{name} no está en oferta en este momento."),
        Say::Offers { list } => format!("En oferta ahora: {list}."),
        Say::NoOffers => "No hay ofertas en este momento.".to_owned(),
        Say::NoneOnOffer { what } => format!("No hay ofertas de {what} en este momento."),
        Say::NoRecalls => "No hay retiradas en nuestros datos.".to_owned(),
        Say::OffersOld => {
            "No puedo decir qué está en oferta: nuestros datos no están al día. Pregunte a nuestro \
             personal."
                .to_owned()
        }
        Say::OpenToday { what, hours } => format!("{what}: hoy abierto {hours}."),
        Say::OpenOn { what, day, hours } => format!("{what}: abierto el {day} {hours}."),
        Say::ClosedToday { what } => format!("{what}: hoy cerrado."),
        Say::ClosedOn { what, day } => format!("{what}: cerrado el {day}."),
        Say::OpenNow { what } => format!("{what}: abierto ahora."),
        Say::ClosedNow { what } => format!("{what}: cerrado ahora."),
        Say::NoHours => "No conozco el horario. Pregunte a nuestro personal.".to_owned(),
        Say::HoursOld => "El horario puede haber cambiado; mire el cartel.".to_owned(),
        Say::Contains { name, list } => format!("{name} contiene {list}."),
        Say::MayContain { name, list } => format!("{name} puede contener {list}."),
        Say::Includes { name, what } => format!("Sí, {name} contiene {what}."),
        Say::NotFree { name, what } => format!("No, {name} contiene {what}."),
        Say::Traces { name, what } => format!("{name} puede contener trazas de {what}."),
        Say::Free { name, what } => format!("Según nuestros datos {name} no contiene {what}."),
        Say::NoAllergens { name } => format!("{name}: no hay alérgenos declarados."),
        Say::AllergensUnknown { name } => format!(
            "No tenemos datos de alérgenos de {name}. Lea la etiqueta o pregunte a nuestro personal."
        ),
        Say::WithoutList { what, list } => format!("Declarados sin {what}: {list}."),
        Say::WithoutNone { what } => {
            format!("No encuentro ninguno declarado sin {what}. Pregunte a nuestro personal.")
        }
        Say::CheckLabel => "Compruebe siempre también la etiqueta.".to_owned(),
        Say::Recalled { name, reason } => {
            format!("Atención: {name} ha sido retirado. Motivo: {reason} No lo utilice.")
        }
        Say::NotRecalled { name } => format!("No hay retirada de {name} en nuestros datos."),
        Say::RecallsUnknown => {
            "No puedo decir si ha sido retirado: nuestros datos de retiradas no están al día. \
             Pregunte a nuestro personal."
                .to_owned()
        }
        Say::Cheaper { name, price, other, than } => {
            format!("{name} es más barato: cuesta {price}, y {other} cuesta {than}.")
        }
        Say::SamePrice { name, other, price } => {
            format!("{name} y {other} cuestan lo mismo: {price}.")
        }
        Say::ByAmount { name, price, other, than } => {
            format!("Por la misma cantidad: {name} {price}; {other} {than}.")
        }
        Say::Cheapest { name, price } => format!("Lo más barato es {name} por {price}."),
        Say::Size { name, size } => format!("{name}: {size}."),
        Say::NoSize { name } => format!("Nuestros datos no dicen cuánto hay en {name}."),
        Say::Brand { name, brand } => format!("{name} es de {brand}."),
        Say::NoBrand { name } => format!("Nuestros datos no dicen quién hace {name}."),
        Say::Is { name, what } => format!("Sí, según nuestros datos {name} es {what}."),
        Say::IsNot { name, what } => format!("No, según nuestros datos {name} no es {what}."),
        Say::Attribute { name, what, value } => format!("{name}, {what}: {value}."),
        Say::AttributeUnknown { name } => {
            format!("Nuestros datos no dicen eso de {name}. Pregunte a nuestro personal.")
        }
        Say::Which { list } => format!("¿Cuál quiere decir: {list}?"),
        Say::DidYouMean { list } => format!("No encuentro exactamente eso. ¿Quiere decir {list}?"),
        Say::NotFound { what } => {
            format!("No encuentro «{what}» en nuestro surtido. Pregunte a nuestro personal.")
        }
        Say::More { count } => {
            format!("Hay {count} más; dígame con más detalle cuál quiere decir.")
        }
        Say::AlsoOnOffer { offer } => format!("En oferta: {offer}."),
        Say::WhichProduct => "¿Qué producto quiere decir?".to_owned(),
        Say::Unanswered => {
            "No puedo responder a eso con los datos de la tienda. Pregunte a nuestro personal."
                .to_owned()
        }
        Say::Related { list } => format!("Quizá ayude: {list}."),
    }
}
