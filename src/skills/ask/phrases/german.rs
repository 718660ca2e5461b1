use super::Phrases;
use crate::skills::ask::intent::Aspect::{Brand, Other, Size};
use crate::skills::ask::intent::Intent::*;

pub(super) const PHRASES: &[Phrases] = &[
    (Recall, 90, "ruckruf* | zuruckgerufen | zuruckrufen | produktwarnung* | ruckgerufen"),
    (Allergens, 80, "*allerg* | spuren von _ @ | enthalt _ @ $ | enthalten _ @ $"),
    (Allergens, 80, "enthalt _ @ | enthalten _ @ | @ enthalten | frei von @ | ohne @"),
    (Allergens, 80, "glutenfrei* | laktosefrei* | nussfrei* | milchfrei* | eifrei* | spuren von"),
    (Allergens, 80, "*unvertrag* | *intoleran* | zoliakie* | @ drin | ist _ @ in | sind _ @ in"),
    (Allergens, 35, "sind in _ @ $ | ist in _ @ $ | sind in _ @ | ist in _ @ | hat _ kein* @"),
    (Allergens, 35, "*gluten* | laktose*"),
    (Compare, 75, "gunstiger | billiger | teurer | preiswerter | preisunterschied | vergleich*"),
    (Compare, 75, "gunstigste* | billigste* | preiswerteste* | teuerste* | kostet mehr"),
    (Compare, 75, "kostet weniger"),
    (Attribute(Other), 72, "wie viel zucker | wie viel fett | wie viel salz | wie viel eiweiss"),
    (Attribute(Other), 72, "wie viele kalorien | kalorien | nahrwert* | zutat* | inhaltsstoff*"),
    (
        Attribute(Other),
        72,
        "wo _ hergestellt | woher | herkunft | wo kommt _ her | wie viel koffein",
    ),
    (
        Attribute(Other),
        72,
        "^ ist ... vegan $ | ^ sind ... vegan $ | ^ ist ... bio $ | ^ sind ... bio $",
    ),
    (
        Attribute(Other),
        72,
        "^ ist ... vegetarisch $ | ^ sind ... vegetarisch $ | ^ ist ... halal $",
    ),
    (Attribute(Other), 72, "^ ist ... koscher $ | alkoholgehalt | wie viel alkohol"),
    (Promotions, 70, "angebot* | aktion* | rabatt* | reduziert* | sonderangebot* | gutschein*"),
    (Promotions, 70, "schnappchen | prospekt | im angebot | heruntergesetzt"),
    (
        Attribute(Size),
        65,
        "wie gross | wie schwer | welche grosse | wie viel gramm | wie viel liter",
    ),
    (
        Attribute(Size),
        65,
        "wie viele gramm | wiegt | wiegen | gewicht | packungsgrosse | fullmenge",
    ),
    (Attribute(Size), 65, "grosse von | wie viel ist drin | wie viele liter | grosse hat"),
    (Attribute(Brand), 65, "welche marke | marke | hersteller | wer stellt _ her | von wem"),
    (
        Stock,
        66,
        "vorratig | auf lager | ausverkauft | lieferbar | verfugbar | noch da | wie viele _ noch",
    ),
    (Location, 64, "wo | welchem gang | welcher gang | gang | regal | welchem regal | finde ich"),
    (Hours, 78, "offnungszeit* | oeffnungszeit*"),
    (Hours, 66, "wann _ offen | wann _ offnet | wann _ offnen | wann _ auf | wann _ zu"),
    (Hours, 66, "wann _ schliess* | wie lange _ offen | wie lange _ auf | wie lange _ geoffnet"),
    (Hours, 62, "geoffnet | offen | offnet | schliesst | macht _ auf | macht _ zu | bis wann"),
    (Hours, 62, "um wie viel uhr | habt ihr _ auf $ | haben sie _ auf $"),
    (Price, 60, "was kostet | was kosten | wie viel kostet | wie viel kosten | wie teuer"),
    (Price, 60, "wieviel kostet | wieviel kosten | kostet | kosten | preis*"),
    (
        Stock,
        40,
        "habt ihr | hast du | haben sie | gibt es | gibts | fuhrt ihr | fuhren sie | verkauft ihr",
    ),
    (Stock, 40, "verkaufen sie | bekomme ich | kriege ich | ist _ noch | sind _ noch"),
    (About, 20, "was ist | was sind | erzahl* | informationen | beschreib* | info*"),
];

pub(super) const NOISE: &str = "laden geschaft markt filiale preis preise kostet kosten packung \
    packungen produkt produkte artikel sku aktuell gerade marke grosse sorte art hallo danke \
    guten tag zwischen unterschied welcher welches welche welchen";
