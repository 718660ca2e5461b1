use super::Say;

pub(super) fn write(say: Say<'_>) -> String {
    match say {
        Say::Costs { name, price } => format!("{name} kostet {price}."),
        Say::CostsInstead { name, price, was } => format!("{name} kostet {price} statt {was}."),
        Say::NoPrice { name } => {
            format!("Für {name} haben wir keinen Preis. Bitte fragen Sie unser Personal.")
        }
        Say::PricesOld => {
            "Ich kann den Preis nicht nennen: Unsere Preise sind gerade nicht aktuell. Bitte sehen \
             Sie auf das Etikett am Regal oder fragen Sie unser Personal."
                .to_owned()
        }
        Say::There { name } => format!("Ja, {name} haben wir."),
        Say::Few { name } => format!("Ja, {name} haben wir, aber nur noch wenig davon."),
        Say::SoldOut { name } => format!("{name} ist im Moment ausverkauft."),
        Say::StockUnknown { name } => {
            format!("Wir führen {name}, aber ich sehe nicht, ob es im Regal ist.")
        }
        Say::StockOld { name } => format!(
            "Wir führen {name}, aber unsere Bestandsdaten sind nicht aktuell. Bitte fragen Sie \
             unser Personal."
        ),
        Say::Place { name, place } => format!("{name}: {place}."),
        Say::NoPlace { name } => {
            format!("Ich weiß nicht, wo {name} steht. Bitte fragen Sie unser Personal.")
        }
        Say::OnOffer { name, offer } => format!("Ja, {name} ist im Angebot: {offer}."),
        Say::NotOnOffer { name } => format!("{name} ist im Moment nicht im Angebot."),
        Say::Offers { list } => format!("Jetzt im Angebot: {list}."),
        Say::NoOffers => "Im Moment gibt es keine Angebote.".to_owned(),
        Say::NoneOnOffer { what } => format!("Im Moment gibt es kein Angebot für: {what}."),
        Say::NoRecalls => "In unseren Daten gibt es keine Rückrufe.".to_owned(),
        Say::OffersOld => {
            "Ich kann nicht sagen, was im Angebot ist: Unsere Daten sind gerade nicht aktuell. \
             Bitte fragen Sie unser Personal."
                .to_owned()
        }
        Say::OpenToday { what, hours } => format!("{what}: heute {hours} geöffnet."),
        Say::OpenOn { what, day, hours } => format!("{what}: am {day} {hours} geöffnet."),
        Say::ClosedToday { what } => format!("{what}: heute geschlossen."),
        Say::ClosedOn { what, day } => format!("{what}: am {day} geschlossen."),
        Say::OpenNow { what } => format!("{what}: jetzt geöffnet."),
        Say::ClosedNow { what } => format!("{what}: jetzt geschlossen."),
        Say::NoHours => {
            "Ich kenne die Öffnungszeiten nicht. Bitte fragen Sie unser Personal.".to_owned()
        }
        Say::HoursOld => {
            "Die Öffnungszeiten können sich geändert haben; bitte beachten Sie den Aushang."
                .to_owned()
        }
        Say::Contains { name, list } => format!("{name} enthält {list}."),
        Say::MayContain { name, list } => format!("{name} kann Spuren enthalten von: {list}."),
        Say::Includes { name, what } => format!("Ja, {name} enthält {what}."),
        Say::NotFree { name, what } => format!("Nein, {name} enthält {what}."),
        Say::Traces { name, what } => format!("{name} kann Spuren enthalten von: {what}."),
        Say::Free { name, what } => {
            format!("Nach unseren Daten ist in {name} nicht enthalten: {what}.")
        }
        Say::NoAllergens { name } => format!("{name}: Es sind keine Allergene angegeben."),
        Say::AllergensUnknown { name } => format!(
            "Zu {name} haben wir keine Angaben über Allergene. Bitte lesen Sie das Etikett oder \
             fragen Sie unser Personal."
        ),
        Say::WithoutList { what, list } => format!("Nach unseren Daten ohne {what}: {list}."),
        Say::WithoutNone { what } => format!(
            "Ich finde keines, das nach unseren Daten ohne {what} ist. Bitte fragen Sie unser \
             Personal."
        ),
        Say::CheckLabel => "Bitte prüfen Sie immer auch das Etikett.".to_owned(),
        Say::Recalled { name, reason } => {
            format!("Achtung: {name} ist zurückgerufen. Grund: {reason} Bitte nicht verwenden.")
        }
        Say::NotRecalled { name } => format!("Zu {name} gibt es in unseren Daten keinen Rückruf."),
        Say::RecallsUnknown => {
            "Ich kann nicht sagen, ob es zurückgerufen ist: Unsere Daten über Rückrufe sind nicht \
             aktuell. Bitte fragen Sie unser Personal."
                .to_owned()
        }
        Say::Cheaper { name, price, other, than } => {
            format!("{name} ist günstiger: {price}; {other} kostet {than}.")
        }
        Say::SamePrice { name, other, price } => {
            format!("{name} und {other} kosten gleich viel: {price}.")
        }
        Say::ByAmount { name, price, other, than } => {
            format!("Auf die Menge gerechnet: {name} {price}, {other} {than}.")
        }
        Say::Cheapest { name, price } => format!("Am günstigsten ist {name} für {price}."),
        Say::Size { name, size } => format!("{name}: {size}."),
        Say::NoSize { name } => format!("In unseren Daten steht nicht, wie viel in {name} ist."),
        Say::Brand { name, brand } => format!("{name} ist von {brand}."),
        Say::NoBrand { name } => format!("In unseren Daten steht nicht, wer {name} herstellt."),
        Say::Is { name, what } => format!("Ja, nach unseren Daten ist {name} {what}."),
        Say::IsNot { name, what } => format!("Nein, nach unseren Daten ist {name} nicht {what}."),
        Say::Attribute { name, what, value } => format!("{name}, {what}: {value}."),
        Say::AttributeUnknown { name } => format!(
            "Das steht über {name} nicht in unseren Daten. Bitte fragen Sie unser Personal."
        ),
        Say::Which { list } => format!("Welches meinen Sie: {list}?"),
        Say::DidYouMean { list } => format!("Genau das finde ich nicht. Meinen Sie {list}?"),
        Say::NotFound { what } => format!(
            "„{what}“ finde ich nicht in unserem Sortiment. Bitte fragen Sie unser Personal."
        ),
        Say::More { count } => {
            format!("Es gibt noch {count} weitere; sagen Sie mir genauer, welches Sie meinen.")
        }
        Say::AlsoOnOffer { offer } => format!("Im Angebot: {offer}."),
        Say::WhichProduct => "Welches Produkt meinen Sie?".to_owned(),
        Say::Unanswered => {
            "Das kann ich aus den Daten des Geschäfts nicht beantworten. Bitte fragen Sie unser \
             Personal."
                .to_owned()
        }
        Say::Related { list } => format!("Vielleicht hilft das: {list}."),
    }
}
