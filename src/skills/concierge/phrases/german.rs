use super::Cue::*;
use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    cues: &[
        (ChangeOrder, "bestellung _ stornier* | stornier* _ bestellung | bestellung _ andern"),
        (ChangeOrder, "andern _ bestellung | bestellung _ abbestell* | auftrag _ stornier*"),
        (Return, "zuruckgeben | zuruckbringen | zuruckschicken | zuruck geben | umtausch*"),
        (Return, "retoure* | ruckgabe | erstattung | geld zuruck | reklam*"),
        (
            Order,
            "meine bestellung | meiner bestellung | bestellnummer | bestellstatus | mein paket",
        ),
        (Order, "meine lieferung | bestellung ? $ | unsere bestellung | ^ bestellung"),
        (Person, "mit einem menschen | mit jemandem | mitarbeiter* | verkaufer* | personal"),
        (Person, "einen menschen | echten menschen | jemand helfen | jemanden rufen | filialleit*"),
        (Person, "kann mir jemand | hilfe von einem | mit einer person | einen kollegen"),
        (
            WhoAreYou,
            "wer bist du | wer sind sie | was bist du | bist du _ roboter | bist du _ mensch",
        ),
        (WhoAreYou, "sind sie _ mensch | sind sie _ roboter | wie heisst du | dein name | eine ki"),
        (CanDo, "was kannst du | was konnen sie | was kann ich _ fragen | ^ hilfe $"),
        (Other, "etwas anderes | was anderes | alternative* | ersatz | stattdessen | ahnliche*"),
        (Other, "andere marke* | eine andere | einen anderen | ein anderes | statt dessen"),
        (Cheaper, "etwas gunstiger* | etwas billiger* | was gunstiger* | was billiger* | zu teuer"),
        (
            Cheaper,
            "gunstigere alternative* | ^ gunstiger $ | ^ billiger $ | ein gunstiger* | eine gunstiger*",
        ),
        (Cheaper, "etwas preiswerter* | gunstigeres | billigeres | einen gunstiger*"),
        (
            Goes,
            "passt dazu | dazu passt | passt _ zu | passt gut | esse ich dazu | brauche ich noch",
        ),
        (Diet, "ich bin vegan* | ich bin vegetar* | ich bin _ *allerg* | ich habe _ *allerg*"),
        (
            Diet,
            "ich habe _ *intoleran* | ich habe zoliakie | ich esse kein* @ | ich vertrage kein* @",
        ),
        (Diet, "ich lebe vegan | ich esse vegan | ich ernahre mich vegan | ich esse vegetarisch"),
        (Thanks, "^ danke | ^ vielen dank | ^ ok danke | ^ super danke | ^ prima $ | ^ super $"),
        (Bye, "^ tschuss | auf wiedersehen | ^ bis dann | das war alles | das ist alles | ^ ciao"),
        (Greeting, "^ hallo $ | ^ hi $ | ^ guten tag $ | ^ guten morgen $ | ^ guten abend $"),
        (Greeting, "^ moin $ | ^ servus $ | ^ gruss gott $ | ^ hallo konnen sie mir helfen $"),
        (
            Instructions,
            "ignorier* _ anweisung* | ignorier* _ regel* | vergiss _ regel* | vergiss _ anweisung*",
        ),
        (Instructions, "vergiss alles | systemprompt | system prompt | tu so als | du bist jetzt"),
        (
            Health,
            "gesund | gesunder | ungesund | erkaltet | erkaltung | halsschmerz* | kopfschmerz*",
        ),
        (
            Health,
            "bauchschmerz* | fieber | grippe | diabet* | schwanger* | blutdruck | cholesterin",
        ),
        (Health, "abnehmen | hilft gegen | gut gegen | medizin gegen | migrane | gegen husten"),
        (Elsewhere, "wetter | witz | witze | etwas lustiges | politik* | wahl | wahlen | fussball"),
        (Elsewhere, "gedicht | schreib* _ programm | python | hauptstadt | ubersetz* | bitcoin"),
        (Idea, "geschenk | geschenke | geschenkidee* | idee | ideen | empfehl* | empfiehl*"),
        (Idea, "vorschlag* | rezept* | zutaten fur | was koche/backe/esse/mache/grille ich/wir"),
        (
            Idea,
            "was soll/kann/konnte/sollte/konnen/sollen ich/man/wir _ kochen/backen/machen/essen/zubereiten",
        ),
        (
            Idea,
            "was soll/kann/konnte/sollte/konnen/sollen ich/man/wir _ mitbringen/servieren/grillen/trinken",
        ),
        (Idea, "was brauche/brauchen/braucht ich/wir/man _ fur/um | was trinkt man zu"),
        (Idea, "etwas susses/leckeres/schones/besonderes/schnelles/warmes/herzhaftes/leichtes"),
        (Idea, "zum fruhstuck/abendessen/mittagessen/grillen/picknick/geburtstag/kindergeburtstag"),
        (
            Idea,
            "fur ein/eine/einen/die/den/das _ picknick/party/geburtstag/feier/filmabend/grillabend",
        ),
        (Yes, "^ ja | ^ gerne | ^ bitte $ | ^ ok $ | ^ klar"),
        (No, "^ nein $ | ^ nein danke | ^ ne $ | ^ nicht jetzt"),
    ],
    going_on: "und | und was ist mit | was ist mit | und wie ist es mit | wie ist es mit | ok und | \
        und was kostet es mit | auch | ach und | und wie sieht es mit | wie sieht es mit | aber",
    pointing: "es dieser diese dieses diesen diesem davon darin dazu damit jene jenes ihn",
    definite: "der die das den dem",
    idle: "etwas anderes andere anderen alternative alternativen stattdessen ahnlich ahnliches \
        bitte noch auch mal denn aus nehme nehm mochte will gern gerne nummer eine einen eines \
        steht stehen liegt liegen ja nein ok drin dran da sie er nur gleiche selbe",
    ordinals: [
        "erste ersten erster erstes",
        "zweite zweiten zweiter zweites",
        "dritte dritten dritter drittes",
        "vierte vierten vierter viertes",
        "funfte funften funfter funftes",
        "letzte letzten letzter letztes",
    ],
};
