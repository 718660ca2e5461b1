//! Claims of what is good for somebody's health: said only where facts say them.

use super::{Ground, Refused};
use crate::skills::words::words;

/// Folded words that make such a claim; `*` stands for any ending.
const CLAIMS: &str = "\
    health* healing heals cure cures medic* remed* therap* immun* digest* detox* cholesterol* \
    diabet* slimming vitamin* antioxid* inflamm* nutri* protein* calorie* sooth* lactose \
    gesund* heilt heilend* medizin* abwehrkraft* verdau* entschlack* cholesterin* abnehmen \
    kalorien* entzund* nahrhaft* eiweiss* bekommlich* laktose* \
    salud* sano sana sanos sanas curar remedio* inmun* colesterol* adelgaz* proteina* lactosa \
    calorias sante sain saine sains saines guerir guerit remede* maigrir antioxyd* proteine*";

/// Refuses words of health that no fact has.
pub(super) fn check(plain: &str, ground: &Ground) -> Option<Refused> {
    let claims = |word: &str| {
        CLAIMS.split_ascii_whitespace().any(|claim| match claim.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == claim,
        })
    };
    let said = words(plain);
    let mut unfounded = said.iter().filter(|word| !ground.has_word(&word.folded));
    unfounded.any(|word| claims(&word.folded)).then_some(Refused::Health)
}
