use super::Say;

pub(super) fn write(say: Say<'_>) -> String {
    match say {
        Say::Costs { name, price } => format!("{name} costs {price}."),
        Say::CostsInstead { name, price, was } => {
            format!("{name} costs {price} instead of {was}.")
        }
        Say::NoPrice { name } => format!("We have no price for {name}. Please ask a colleague."),
        Say::PricesOld => {
            "I cannot say what it costs: our prices are not up to date right now. Please look at \
             the shelf label or ask a colleague."
                .to_owned()
        }
        Say::There { name } => format!("Yes, we have {name}."),
        Say::Few { name } => format!("Yes, we have {name}, but only a few are left."),
        Say::SoldOut { name } => format!("{name} is sold out at the moment."),
        Say::StockUnknown { name } => {
            format!("We sell {name}, but I cannot see whether it is on the shelf.")
        }
        Say::StockOld { name } => {
            format!("We sell {name}, but our stock data is not up to date. Please ask a colleague.")
        }
        Say::Place { name, place } => format!("{name}: {place}."),
        Say::NoPlace { name } => {
            format!("I do not know where {name} stands. Please ask a colleague.")
        }
        Say::OnOffer { name, offer } => format!("Yes, {name} is on offer: {offer}."),
        Say::NotOnOffer { name } => format!("{name} is not on offer at the moment."),
        Say::Offers { list } => format!("On offer now: {list}."),
        Say::NoOffers => "There are no offers at the moment.".to_owned(),
        Say::NoneOnOffer { what } => format!("There is no offer on {what} at the moment."),
        Say::NoRecalls => "There are no recalls in our data.".to_owned(),
        Say::OffersOld => {
            "I cannot say what is on offer: our data is not up to date right now. Please ask a \
             colleague."
                .to_owned()
        }
        Say::OpenToday { what, hours } => format!("{what}: open today {hours}."),
        Say::OpenOn { what, day, hours } => format!("{what}: open on {day} {hours}."),
        Say::ClosedToday { what } => format!("{what}: closed today."),
        Say::ClosedOn { what, day } => format!("{what}: closed on {day}."),
        Say::OpenNow { what } => format!("{what}: open now."),
        Say::ClosedNow { what } => format!("{what}: closed now."),
        Say::NoHours => "I do not know the opening hours. Please ask a colleague.".to_owned(),
        Say::HoursOld => "Our opening hours may have changed; please check the sign.".to_owned(),
        Say::Contains { name, list } => format!("{name} contains {list}."),
        Say::MayContain { name, list } => format!("{name} may contain {list}."),
        Say::Includes { name, what } => format!("Yes, {name} contains {what}."),
        Say::NotFree { name, what } => format!("No, {name} contains {what}."),
        Say::Traces { name, what } => format!("{name} may contain traces of {what}."),
        Say::Free { name, what } => {
            format!("According to our data {name} contains no {what}.")
        }
        Say::NoAllergens { name } => format!("{name}: no allergens are declared."),
        Say::AllergensUnknown { name } => {
            format!(
                "We have no allergen data for {name}. Please read the label or ask a colleague."
            )
        }
        Say::WithoutList { what, list } => format!("Declared without {what}: {list}."),
        Say::WithoutNone { what } => {
            format!("I find none that is declared without {what}. Please ask a colleague.")
        }
        Say::CheckLabel => "Please always check the label as well.".to_owned(),
        Say::Recalled { name, reason } => {
            format!("Warning: {name} is recalled. Reason: {reason} Please do not use it.")
        }
        Say::NotRecalled { name } => format!("There is no recall of {name} in our data."),
        Say::RecallsUnknown => {
            "I cannot say whether it is recalled: our recall data is not up to date. Please ask a \
             colleague."
                .to_owned()
        }
        Say::Cheaper { name, price, other, than } => {
            format!("{name} is cheaper: it costs {price}, and {other} costs {than}.")
        }
        Say::SamePrice { name, other, price } => {
            format!("{name} and {other} cost the same: {price}.")
        }
        Say::ByAmount { name, price, other, than } => {
            format!("For the same amount: {name} {price}, {other} {than}.")
        }
        Say::Cheapest { name, price } => format!("The cheapest is {name} at {price}."),
        Say::Size { name, size } => format!("{name}: {size}."),
        Say::NoSize { name } => format!("Our data does not say how much is in {name}."),
        Say::Brand { name, brand } => format!("{name} is from {brand}."),
        Say::NoBrand { name } => format!("Our data does not say who makes {name}."),
        Say::Is { name, what } => format!("Yes, according to our data {name} is {what}."),
        Say::IsNot { name, what } => format!("No, according to our data {name} is not {what}."),
        Say::Attribute { name, what, value } => format!("{name}, {what}: {value}."),
        Say::AttributeUnknown { name } => {
            format!("Our data does not say that about {name}. Please ask a colleague.")
        }
        Say::Which { list } => format!("Which one do you mean: {list}?"),
        Say::DidYouMean { list } => format!("I do not find exactly that. Do you mean {list}?"),
        Say::NotFound { what } => {
            format!("I do not find “{what}” in our range. Please ask a colleague.")
        }
        Say::More { count } => {
            format!("There are {count} more; tell me more exactly which one you mean.")
        }
        Say::AlsoOnOffer { offer } => format!("On offer: {offer}."),
        Say::WhichProduct => "Which product do you mean?".to_owned(),
        Say::Unanswered => {
            "I cannot answer that from the shop's data. Please ask a colleague.".to_owned()
        }
        Say::Related { list } => format!("This may help: {list}."),
    }
}
