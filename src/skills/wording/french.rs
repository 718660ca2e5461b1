use super::Say;

pub(super) fn write(say: Say<'_>) -> String {
    match say {
        Say::Costs { name, price } => format!("{name} coûte {price}."),
        Say::CostsInstead { name, price, was } => format!("{name} coûte {price} au lieu de {was}."),
        Say::NoPrice { name } => {
            format!("Nous n’avons pas de prix pour {name}. Demandez à notre personnel.")
        }
        Say::PricesOld => {
            "Je ne peux pas dire le prix : nos prix ne sont pas à jour en ce moment. Regardez \
             l’étiquette du rayon ou demandez à notre personnel."
                .to_owned()
        }
        Say::There { name } => format!("Oui, nous avons {name}."),
        Say::Few { name } => format!("Oui, nous avons {name}, mais il en reste peu."),
        Say::SoldOut { name } => format!("{name} est épuisé pour le moment."),
        Say::StockUnknown { name } => {
            format!("Nous vendons {name}, mais je ne vois pas s’il y en a en rayon.")
        }
        Say::StockOld { name } => format!(
            "Nous vendons {name}, mais nos données de stock ne sont pas à jour. Demandez à notre \
             personnel."
        ),
        Say::Place { name, place } => format!("{name} : {place}."),
        Say::NoPlace { name } => {
            format!("Je ne sais pas où se trouve {name}. Demandez à notre personnel.")
        }
        Say::OnOffer { name, offer } => format!("Oui, {name} est en promotion : {offer}."),
        Say::NotOnOffer { name } => format!("{name} n’est pas en promotion en ce moment."),
        Say::Offers { list } => format!("En promotion maintenant : {list}."),
        Say::NoOffers => "Il n’y a pas de promotions en ce moment.".to_owned(),
        Say::NoneOnOffer { what } => format!("Il n’y a pas de promotion sur {what} en ce moment."),
        Say::NoRecalls => "Il n’y a pas de rappels dans nos données.".to_owned(),
        Say::OffersOld => {
            "Je ne peux pas dire ce qui est en promotion : nos données ne sont pas à jour. Demandez \
             à notre personnel."
                .to_owned()
        }
        Say::OpenToday { what, hours } => format!("{what} : ouvert aujourd’hui {hours}."),
        Say::OpenOn { what, day, hours } => format!("{what} : ouvert le {day} {hours}."),
        Say::ClosedToday { what } => format!("{what} : fermé aujourd’hui."),
        Say::ClosedOn { what, day } => format!("{what} : fermé le {day}."),
        Say::OpenNow { what } => format!("{what} : ouvert maintenant."),
        Say::ClosedNow { what } => format!("{what} : fermé maintenant."),
        Say::NoHours => {
            "Je ne connais pas les horaires. Demandez à notre personnel.".to_owned()
        }
        Say::HoursOld => "Les horaires ont pu changer ; regardez l’affichage.".to_owned(),
        Say::Contains { name, list } => format!("{name} contient : {list}."),
        Say::MayContain { name, list } => format!("{name} peut contenir : {list}."),
        Say::Includes { name, what } => format!("Oui, {name} contient : {what}."),
        Say::NotFree { name, what } => format!("Non, {name} contient : {what}."),
        Say::Traces { name, what } => format!("{name} peut contenir des traces de {what}."),
        Say::Free { name, what } => {
            format!("Selon nos données {name} ne contient pas : {what}.")
        }
        Say::NoAllergens { name } => format!("{name} : aucun allergène n’est déclaré."),
        Say::AllergensUnknown { name } => format!(
            "Nous n’avons pas de données sur les allergènes de {name}. Lisez l’étiquette ou \
             demandez à notre personnel."
        ),
        Say::WithoutList { what, list } => format!("Déclarés sans {what} : {list}."),
        Say::WithoutNone { what } => {
            format!("Je n’en trouve aucun déclaré sans {what}. Demandez à notre personnel.")
        }
        Say::CheckLabel => "Vérifiez toujours aussi l’étiquette.".to_owned(),
        Say::Recalled { name, reason } => format!(
            "Attention : {name} fait l’objet d’un rappel. Motif : {reason} Ne l’utilisez pas."
        ),
        Say::NotRecalled { name } => format!("Il n’y a pas de rappel de {name} dans nos données."),
        Say::RecallsUnknown => {
            "Je ne peux pas dire s’il y a un rappel : nos données de rappels ne sont pas à jour. \
             Demandez à notre personnel."
                .to_owned()
        }
        Say::Cheaper { name, price, other, than } => {
            format!("{name} est moins cher : {price} ; {other} coûte {than}.")
        }
        Say::SamePrice { name, other, price } => {
            format!("{name} et {other} coûtent autant : {price}.")
        }
        Say::ByAmount { name, price, other, than } => {
            format!("À quantité égale : {name} {price} ; {other} {than}.")
        }
        Say::Cheapest { name, price } => format!("Le moins cher est {name} à {price}."),
        Say::Size { name, size } => format!("{name} : {size}."),
        Say::NoSize { name } => format!("Nos données ne disent pas la contenance de {name}."),
        Say::Brand { name, brand } => format!("{name} est de {brand}."),
        Say::NoBrand { name } => format!("Nos données ne disent pas qui fabrique {name}."),
        Say::Is { name, what } => format!("Oui, selon nos données {name} est {what}."),
        Say::IsNot { name, what } => format!("Non, selon nos données {name} n’est pas {what}."),
        Say::Attribute { name, what, value } => format!("{name}, {what} : {value}."),
        Say::AttributeUnknown { name } => {
            format!("Nos données ne le disent pas de {name}. Demandez à notre personnel.")
        }
        Say::Which { list } => format!("Lequel voulez-vous dire : {list} ?"),
        Say::DidYouMean { list } => {
            format!("Je ne trouve pas exactement cela. Voulez-vous dire {list} ?")
        }
        Say::NotFound { what } => {
            format!("Je ne trouve pas « {what} » dans notre assortiment. Demandez à notre personnel.")
        }
        Say::More { count } => format!("Il y en a {count} autres ; dites-moi plus précisément lequel."),
        Say::AlsoOnOffer { offer } => format!("En promotion : {offer}."),
        Say::WhichProduct => "De quel produit parlez-vous ?".to_owned(),
        Say::Unanswered => {
            "Je ne peux pas répondre à cela avec les données du magasin. Demandez à notre personnel."
                .to_owned()
        }
        Say::Related { list } => format!("Ceci peut aider : {list}."),
    }
}
