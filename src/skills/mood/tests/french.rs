use super::*;

#[test]
fn anger_is_told_from_complaints_and_from_products_with_strong_names() {
    check(
        Language::French,
        &[
            (
                Some(Trigger::Anger),
                &[
                    "Vous êtes des voleurs !",
                    "C'est de l'arnaque, je ne reviendrai plus",
                    "J'en ai marre d'attendre",
                    "Votre magasin est une blague",
                    "Personne ne m'aide ici",
                    "J'attends depuis 20 minutes et personne ne vient",
                    "Machine stupide, tu ne comprends rien",
                    "Va te faire foutre",
                    "Vous vous moquez de moi ?!",
                    "C'est une honte, je suis furieuse",
                    "Ridicule et inacceptable, personne ne m'aide",
                ],
            ),
            (
                None,
                &[
                    "Je voudrais être remboursé",
                    "Je voudrais rendre cette veste, la fermeture est cassée.",
                    "La boulangerie ferme à quelle heure ? Et quand ferme la poissonnerie ?",
                    "Vous avez des sacs poubelle ?",
                    "Pardon pour la question bête, où est le lait ?",
                    "Le lait d'hier était tourné, je peux l'échanger ?",
                    "On m'a débité deux fois, vous pouvez vérifier ?",
                    "Je ne suis pas en colère, je veux savoir où est ma commande",
                    "Une bande de tissu bleu",
                    "Le prix est tombé ?",
                ],
            ),
        ],
    );
}

#[test]
fn danger_is_told_from_questions_about_it() {
    check(
        Language::French,
        &[
            (
                Some(Trigger::AllergyRisk),
                &[
                    "Mon fils fait une réaction allergique",
                    "Ma fille a mangé un biscuit et elle est allergique aux noix",
                    "Son visage gonfle",
                    "Il a une allergie grave aux arachides, c'est sûr ?",
                ],
            ),
            (
                Some(Trigger::Medical),
                &[
                    "Appelez une ambulance",
                    "Quelqu'un s'est évanoui",
                    "Ma mère n'arrive pas à respirer",
                    "Mon enfant a avalé une pile",
                    "Je suis tombé dans votre rayon",
                    "Votre poisson m'a rendu malade",
                    "Puis-je prendre de l'ibuprofène avec de l'aspirine ?",
                    "Je suis enceinte, je peux manger ce fromage ?",
                ],
            ),
            (
                None,
                &[
                    "La liste des allergènes s'il vous plaît",
                    "Est-ce que ça contient des noix ?",
                    "Je suis allergique aux noix, il y en a dedans ?",
                    "Quelque chose contre les réactions allergiques au pollen ?",
                    "La machine a avalé ma pièce",
                    "Vous avez une enceinte Bluetooth ?",
                    "Le steak saignant, combien coûte-t-il ?",
                    "Où sont les pansements ?",
                ],
            ),
        ],
    );
}

#[test]
fn threats_with_the_law_are_told_from_questions_about_it() {
    check(
        Language::French,
        &[
            (
                Some(Trigger::Legal),
                &[
                    "Je vais porter plainte",
                    "Vous aurez des nouvelles de mon avocat",
                    "Je le signale à la répression des fraudes",
                    "C'est illégal",
                    "J'appelle la police",
                ],
            ),
            (
                None,
                &[
                    "Combien coûte un avocat ?",
                    "Mon avocat est trop mûr",
                    "Vous avez des avocats bio ?",
                    "À partir de quel âge peut-on acheter du vin ?",
                    "Combien de temps dure la garantie ?",
                ],
            ),
        ],
    );
}

#[test]
fn who_asks_for_a_person_is_told_from_who_asks_about_one() {
    check(
        Language::French,
        &[
            (
                Some(Trigger::WantsPerson),
                &[
                    "Je veux parler à quelqu'un",
                    "Je peux parler à un vrai vendeur ?",
                    "Appelez un responsable",
                    "Est-ce que quelqu'un peut venir m'aider ?",
                    "Passez-moi le directeur",
                    "Le responsable, s'il vous plaît",
                ],
            ),
            (
                None,
                &[
                    "Vous êtes une vraie personne ?",
                    "Est-ce que je parle à un robot ?",
                    "Un gâteau pour huit personnes",
                    "Où est l'accueil ?",
                    "Je ne veux pas parler à quelqu'un, juste le prix",
                ],
            ),
        ],
    );
}
