use super::Phrases;
use crate::skills::ask::intent::Aspect::{Brand, Other, Size};
use crate::skills::ask::intent::Intent::*;

pub(super) const PHRASES: &[Phrases] = &[
    (Recall, 90, "recall* | safe to eat | safe to use | withdrawn | product warning*"),
    (
        Allergens,
        92,
        "allerg* _ safe to | safe to _ _ allerg* | safe to _ _ celiac* | safe to _ _ coeliac*",
    ),
    (Allergens, 80, "allerg* | traces _ @ | contain* _ @ | free of _ @ | free from _ @ | @ free"),
    (Allergens, 80, "without _ @"),
    (Allergens, 80, "traces of | intoleran* | celiac* | coeliac* | no @ in | any @ in | @ in it"),
    (Allergens, 80, "there _ @ in | made with @ | have _ @ in | has _ @ in | @ in this"),
    (Allergens, 45, "does _ have @ | does _ have any @"),
    (Allergens, 35, "have no @ | has no @ | with no @ | doesn t have _ @ | *gluten* | lactose"),
    (Stock, 85, "@ in stock | @ left"),
    (Compare, 75, "cheaper | cheapest | more expensive | less expensive | most expensive"),
    (Compare, 75, "price difference | compare | costs more | cost more | costs less | cost less"),
    (Compare, 75, "lowest price | least expensive | best price | better price"),
    (Attribute(Other), 72, "how much sugar | how much protein | how much fat | how much salt"),
    (Attribute(Other), 72, "how many calories | calorie* | nutrition* | ingredient* | made of"),
    (
        Attribute(Other),
        72,
        "where _ made | where _ from $ | where _ come/comes from | origin | made in | how much caffeine",
    ),
    (
        Attribute(Other),
        72,
        "^ is ... vegan $ | ^ are ... vegan $ | ^ is ... organic $ | ^ are ... organic $",
    ),
    (Attribute(Other), 72, "^ is ... vegetarian $ | ^ are ... vegetarian $ | ^ is ... halal $"),
    (Attribute(Other), 72, "^ is ... kosher $ | how much alcohol | alcohol content"),
    (Promotions, 70, "on sale | on offer | offer | offers | deal | deals | promotion* | promo*"),
    (
        Promotions,
        70,
        "discount* | specials | on special | reduced $ | is reduced | are reduced | coupon* | bargain* | savings",
    ),
    (Attribute(Size), 65, "what size* | how big | how heavy | how large | size of | weigh*"),
    (Attribute(Size), 65, "how many grams | how many liters | how many litres | how many ounces"),
    (Attribute(Size), 65, "weight of | pack size | package size | how many _ pack | which size*"),
    (Attribute(Size), 65, "how many ml | how many oz | how many pounds | the weight"),
    (Attribute(Brand), 65, "what brand* | which brand* | who makes | who made | manufactur*"),
    (Attribute(Brand), 65, "brand of | who produces | what make"),
    (Stock, 66, "in stock | out of stock | sold out | any _ left | how many _ left"),
    (Stock, 66, "how many _ have"),
    (
        Location,
        64,
        "where | wheres | which aisle | what aisle | aisle | which shelf | located | location",
    ),
    (Location, 64, "can i find | do i find | how do i get to | whereabouts"),
    (Hours, 78, "opening hours | opening time* | business hours | store hours"),
    (Hours, 62, "what time | when _ open | when _ opens | when _ close | when _ closes | how late"),
    (Hours, 62, "hours | are you open | you open | is _ open | is _ closed | how long _ open"),
    (Hours, 62, "open until | open till | open on | open today | open tomorrow | open now"),
    (Hours, 62, "when _ shut | until when | when _ closing | when _ opening | open late"),
    (Price, 60, "how much is | how much are | how much does | how much do | how much for"),
    (Price, 60, "how much would | price* | cost | costs | how expensive | charge"),
    (Price, 50, "how much"),
    (Stock, 55, "available | availability"),
    (Stock, 50, "store have | shop have"),
    (Stock, 40, "do you have | have you got | do you sell | do you carry | do you stock"),
    (Stock, 40, "is there | are there | have any | got any | left | you guys have | you sell"),
    (Location, 30, "looking for | need to find | find"),
    (About, 20, "what is | what are | tell me about | describe | information on | about"),
];

pub(super) const NOISE: &str = "store shop market price prices cost costs pack packs product \
    products item items sku article currently right currently brand size sort kind type hello hi \
    hey thanks thank whats wheres hows which one ones between difference";
