use super::Phrases;
use crate::skills::ask::intent::Aspect::{Brand, Other, Size};
use crate::skills::ask::intent::Intent::*;

pub(super) const PHRASES: &[Phrases] = &[
    (
        Recall,
        90,
        "rappel | rappels | rappele | rappelee | rappeles | rappelees | retire* de la vente",
    ),
    (
        Allergens,
        80,
        "allerg* | traces _ @ | contient _ @ | contiennent _ @ | sans @ | traces | intoleran*",
    ),
    (
        Allergens,
        35,
        "n a pas de @ | n a pas d @ | n ont pas de @ | n ont pas d @ | *gluten* | lactose",
    ),
    (Allergens, 80, "coeliaque* | y a _ @ dans | y a t il _ @ dans | @ dans"),
    (
        Compare,
        75,
        "moins cher* | plus cher* | difference de prix | compar* | coute plus | coute moins",
    ),
    (Attribute(Other), 72, "combien de sucre | combien de calories | combien de sel | calories"),
    (Attribute(Other), 72, "ingredient* | nutrition* | d ou vient | d ou viennent | origine"),
    (Attribute(Other), 72, "provenance | fabrique* en | ou _ fabrique* | combien de cafeine"),
    (
        Attribute(Other),
        72,
        "est ... vegan $ | sont ... vegan $ | est _ vegetarien* $ | est ... bio $",
    ),
    (Attribute(Other), 72, "sont ... bio $ | est _ halal $ | est _ casher $ | combien d alcool"),
    (
        Promotions,
        70,
        "promotion* | promo* | offre* | reduction* | solde* | remise* | bon de reduction",
    ),
    (Attribute(Size), 65, "quelle taille | quelle contenance | combien pese* | quel poids | poids"),
    (Attribute(Size), 65, "combien de grammes | combien de litres | taille | contenance"),
    (Attribute(Size), 65, "quelle quantite | quel _ poids | quelle _ taille"),
    (Attribute(Brand), 65, "quelle marque | marque | fabricant | qui fabrique | qui produit"),
    (Stock, 66, "en stock | disponible* | il reste | reste t il | rupture | combien _ reste*"),
    (Location, 64, "^ ou | ou se trouve* | ou est | ou sont | ou puis | ou trouve* | quel rayon"),
    (Location, 64, "rayon | allee | ou je trouve | ou peut on | trouver"),
    (Hours, 78, "horaire* | heures d ouverture | heure d ouverture"),
    (Hours, 66, "quelle heure | quand _ ouvr* | quand _ ferm* | jusqu a quand"),
    (Hours, 62, "ouvert* | ouvre | ouvrez | ferme | fermez | fermee"),
    (Price, 60, "combien coute* | quel _ prix | prix | coute* | combien vaut | combien est"),
    (Price, 50, "combien | tarif*"),
    (Stock, 40, "avez vous | vous avez | vendez vous | y a t il | il y a | vous vendez"),
    (About, 20, "qu est ce que | c est quoi | parlez moi | parle moi | decri* | informations"),
];

pub(super) const NOISE: &str = "magasin boutique supermarche prix paquet paquets produit produits \
    article sku actuellement marque taille sorte type bonjour merci \
    lequel laquelle lesquels lesquelles entre difference";
