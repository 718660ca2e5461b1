use super::Cue::*;
use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    cues: &[
        (ChangeOrder, "annuler _ commande | changer _ commande | modifier _ commande"),
        (Return, "retourner _ article | retourner un | retourner ce | rendre | remboursement*"),
        (Return, "rembourser | echanger | renvoyer | faire un retour | retourner quelque chose"),
        (Order, "ma commande | numero de commande | mon colis | ma livraison | notre commande"),
        (Order, "^ commande"),
        (
            Person,
            "parler a quelqu | parler a une personne | parler avec | un vendeur | une vendeuse",
        ),
        (Person, "un employe | une vraie personne | un humain | le responsable | un conseiller"),
        (Person, "quelqu un peut | quelqu un pour m aider | appeler quelqu | un collegue"),
        (WhoAreYou, "qui etes vous | qui es tu | etes vous _ robot | es tu _ robot | votre nom"),
        (WhoAreYou, "etes vous humain | une ia | comment tu t appelles | etes vous une personne"),
        (CanDo, "que pouvez vous faire | que peux tu faire | que puis je demander | ^ aide $"),
        (Other, "autre chose | alternative* | a la place | similaire* | une autre marque"),
        (Other, "d autres marques | semblable* | remplac* | un autre | une autre"),
        (
            Cheaper,
            "chose de moins cher | moins cher $ | un moins cher | une moins chere | trop cher",
        ),
        (Cheaper, "quelque chose de moins cher | alternative moins chere | plus economique"),
        (Goes, "va bien avec | aller avec | va avec | accompagner | pour accompagner | avec quoi"),
        (Diet, "je suis vegan* | je suis vegetarien* | je suis _ allergique | j ai une allergie"),
        (
            Diet,
            "je suis intolerant* | je suis coeliaque | je ne mange pas de @ | je ne mange pas @",
        ),
        (Thanks, "^ merci | ^ ok merci | ^ parfait $ | ^ super $ | ^ d accord merci"),
        (Bye, "au revoir | ^ a bientot | c est tout | bonne journee"),
        (Greeting, "^ bonjour $ | ^ salut $ | ^ bonsoir $ | ^ coucou $ | ^ bonjour madame $"),
        (Greeting, "^ bonjour pouvez vous m aider $ | ^ bonjour ca va $"),
        (
            Instructions,
            "ignore* _ instructions | ignore* _ regles | oublie* _ regles | prompt systeme",
        ),
        (
            Instructions,
            "oublie* _ instructions | tes/vos instructions | fais semblant | tu es maintenant",
        ),
        (Health, "sain | saine | pour la sante | rhume | enrhume* | mal de gorge | mal de tete"),
        (Health, "fievre | la toux | grippe | diabet* | enceinte | cholesterol | maigrir | remede"),
        (Elsewhere, "meteo | temps fait il | temps fera | blague* | chose de drole | politique"),
        (Elsewhere, "elections | president | football | poeme | python | capitale | tradui*"),
        (
            Idea,
            "cadeau | cadeaux | idee | idees | conseillez | conseille | conseilles | recommand*",
        ),
        (Idea, "suggest* | suggere* | recette* | que faire avec | que cuisiner | ingredients pour"),
        (
            Idea,
            "que puis/peut/pouvons je/on/nous _ cuisiner/preparer/faire/apporter/servir/manger/boire",
        ),
        (Idea, "que je peux/pourrais _ cuisiner/preparer/faire/apporter/servir/manger/boire"),
        (Idea, "besoin _ pour | que faut il pour | quelque chose pour | quel vin | que boit on"),
        (Idea, "chose de bon/sucre/special/rapide/leger | pour l aperitif | pour le gouter/diner"),
        (
            Idea,
            "pour un/une/le/la/notre _ aperitif/pique/barbecue/anniversaire/fete/dejeuner/diner",
        ),
        (Yes, "^ oui | ^ d accord $ | ^ ok $ | ^ volontiers | ^ s il vous plait $"),
        (No, "^ non $ | ^ non merci | ^ pas maintenant"),
    ],
    going_on: "et | et pour | et qu en est il de | qu en est il de | et aussi | aussi | mais | ok et",
    pointing: "ca cela ceci celui celle ceux celles ce cet cette ces en y eux",
    definite: "le la les l",
    idle: "chose quelque autre autres alternative alternatives semblable similaire aussi bien \
        prends prendre voudrais veux numero un une oui non meme seulement s il vous plait",
    ordinals: [
        "premier premiere",
        "deuxieme second seconde",
        "troisieme",
        "quatrieme",
        "cinquieme",
        "dernier derniere",
    ],
};
