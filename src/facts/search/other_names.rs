//! Things that go by two names in English: a shop writes one of them, its customers say the other.

use std::sync::LazyLock;

use tantivy::tokenizer::Language;

use super::language;

/// `a = b`: either may be said for the other. `a > b`: who says `a` means `b`, but not the other way
/// round, where `b` is something else as well.
const NAMES: &str = "
aluminium foil = aluminum foil
aubergine = eggplant
baking soda = bicarbonate of soda
beetroot = beets
bin bags = trash bags
bin liners = trash bags
broad beans = fava beans
candyfloss = cotton candy
caster sugar > sugar
chickpeas = garbanzo beans
cling film = plastic wrap
coriander leaves = cilantro
cornflour = corn starch
courgette = zucchini
crisps > chips
digestive biscuits > graham crackers
double cream = heavy cream
endive = chicory
fairy cakes = cupcakes
fish fingers = fish sticks
fizzy drink = soda
fizzy pop = soda
frankfurter = hot dog
garbage bags = trash bags
gherkins > pickles
ice lolly = ice pops
iced lolly = ice pops
icing sugar = powdered sugar
kitchen paper = paper towels
kitchen roll = paper towels
kitchen towels = paper towels
linseed = flax seed
loo roll = toilet paper
mangetout = snow peas
maize = corn
minced beef = ground beef
minced pork = ground pork
minced turkey = ground turkey
beef mince = ground beef
nappies = diapers
plain flour = all purpose flour
popsicle = ice pops
porridge = oatmeal
porridge oats = oatmeal
prawns = shrimp
rapeseed oil = canola oil
rocket leaves = arugula
rubbish bags = trash bags
scallions = green onions
semi skimmed milk = 2% milk
serviettes = napkins
skimmed milk = fat free milk
skim milk = fat free milk
soft drink = soda
soured cream = sour cream
spring onions = green onions
strong flour = bread flour
sultanas = raisins
swede = rutabaga
tin foil = aluminum foil
toilet roll = toilet paper
toilet tissue = toilet paper
tomato sauce > ketchup
treacle = molasses
washing liquid = laundry detergent
washing powder = laundry detergent
washing up liquid = dish soap
wholemeal bread = whole wheat bread
";

/// Stems of a name, and what else it is called.
type Pair = (Vec<String>, &'static str);

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let lines = NAMES.lines().filter(|line| !line.is_empty());
    let pairs = lines.flat_map(|line| match line.split_once(" = ") {
        Some((one, other)) => [Some((one, other)), Some((other, one))],
        None => [line.split_once(" > "), None],
    });
    pairs.flatten().map(|(name, other)| (stems(name), other)).collect()
});

/// A text with the other names of what it names; none where it names nothing that has two.
pub fn other_names(text: &str) -> Option<String> {
    let typed = language::words(&mut language::plain(), text);
    let stems = stems(text);
    // Both are cut alike, so that a word and its stem stand at one place.
    if typed.len() != stems.len() {
        return None;
    }
    let (mut other, mut at, mut any) = (Vec::new(), 0, false);
    while let Some(word) = typed.get(at) {
        match longest(stems.get(at..).unwrap_or_default()) {
            Some((length, name)) => {
                other.push(name);
                at += length;
                any = true;
            }
            None => {
                other.push(word.as_str());
                at += 1;
            }
        }
    }
    any.then(|| other.join(" "))
}

/// The longest name with which these words begin: of how many words it is, and the other name.
fn longest(words: &[String]) -> Option<(usize, &'static str)> {
    let named = PAIRS.iter().filter(|(name, _)| words.starts_with(name));
    let named = named.map(|(name, other)| (name.len(), *other));
    // Of equally long ones the first in the list.
    named.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

fn stems(text: &str) -> Vec<String> {
    language::words(&mut language::stems(Language::English), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_names_is_known_by_the_other() {
        for (text, other) in [
            ("nappies", Some("diapers")),
            ("Nappy", Some("diapers")),
            ("diapers size 2", Some("nappies size 2")),
            ("organic courgettes", Some("organic zucchini")),
            ("washing up liquid lemon", Some("dish soap lemon")),
            ("crisps", Some("chips")),
            ("chips", None),
            ("milk", None),
            ("", None),
        ] {
            assert_eq!(other_names(text).as_deref(), other, "{text}");
        }
    }
}
