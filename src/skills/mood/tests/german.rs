use super::*;

#[test]
fn anger_is_told_from_complaints_and_from_products_with_strong_names() {
    check(
        Language::German,
        &[
            (
                Some(Trigger::Anger),
                &[
                    "Das ist eine Unverschämtheit!",
                    "Ihr seid doch alle Betrüger",
                    "So ein Saftladen, hier kaufe ich nie wieder",
                    "Euer Laden ist ein Witz",
                    "Ich hab die Schnauze voll",
                    "Du blöde Maschine, verstehst du denn gar nichts?",
                    "Verdammte Scheiße, was soll das",
                    "Wollt ihr mich verarschen?!",
                    "Jetzt reicht es mir, ich bin stinksauer",
                    "Das ist lächerlich und inakzeptabel, niemand hilft",
                ],
            ),
            (
                None,
                &[
                    "Ich möchte mein Geld zurück",
                    "Ich hätte gern mein Geld zurück, bitte.",
                    "Ist die saure Sahne im Angebot?",
                    "Habt ihr saure Gurken?",
                    "Tod durch Schokolade, habt ihr die Torte?",
                    "Entschuldigung für die dumme Frage, wo ist die Milch?",
                    "Ich habe eine schreckliche Erkältung, welchen Tee habt ihr?",
                    "Die Milch von gestern war sauer, kann ich sie umtauschen?",
                    "Wo finde ich Müllbeutel?",
                    "Ich bin nicht sauer, ich möchte nur wissen, wo meine Bestellung ist",
                    "Mir wurde zweimal etwas abgebucht, können Sie das prüfen?",
                    "Eine helle Lampe, bitte",
                ],
            ),
        ],
    );
}

#[test]
fn danger_is_told_from_questions_about_it() {
    check(
        Language::German,
        &[
            (
                Some(Trigger::AllergyRisk),
                &[
                    "Mein Sohn hat gerade eine allergische Reaktion",
                    "Meine Tochter hat einen Keks gegessen und ist allergisch gegen Nüsse",
                    "Sein Gesicht schwillt an",
                    "Er hat eine schwere Nussallergie, ist das sicher?",
                    "Ich habe davon gegessen und jetzt habe ich Ausschlag",
                ],
            ),
            (
                Some(Trigger::Medical),
                &[
                    "Rufen Sie einen Krankenwagen",
                    "Hier ist jemand ohnmächtig geworden",
                    "Meine Mutter bekommt keine Luft",
                    "Mein Kind hat eine Batterie verschluckt",
                    "Ich bin bei euch ausgerutscht und habe mich verletzt",
                    "Ich hatte von dem Hähnchen eine Lebensmittelvergiftung",
                    "Darf ich Ibuprofen und Aspirin zusammen nehmen?",
                    "Darf ich den Käse essen, wenn ich schwanger bin?",
                ],
            ),
            (
                None,
                &[
                    "Die Allergenliste bitte",
                    "Enthält das Nüsse?",
                    "Ich bin allergisch gegen Nüsse, ist da was drin?",
                    "Habt ihr etwas gegen allergische Reaktionen bei Pollen?",
                    "Der Automat hat mein Geld geschluckt",
                    "Habt ihr Rosen in voller Blüte?",
                    "Wo sind die Pflaster?",
                    "Welche Dosierung hat das Waschmittel?",
                    "Wo gibt es Umstandsmode für Schwangere?",
                ],
            ),
        ],
    );
}

#[test]
fn threats_with_the_law_are_told_from_questions_about_it() {
    check(
        Language::German,
        &[
            (
                Some(Trigger::Legal),
                &[
                    "Ich verklage euch",
                    "Sie hören von meinem Anwalt",
                    "Ich gehe zur Verbraucherzentrale",
                    "Ich werde Anzeige erstatten",
                    "Das ist illegal",
                    "Ich rufe jetzt die Polizei",
                ],
            ),
            (
                None,
                &[
                    "Ab welchem Alter darf man Wein kaufen?",
                    "Eine Krawatte für meinen Anwalt",
                    "Darf ich geöffnete Ware umtauschen?",
                    "Wie lange habe ich Garantie?",
                    "Die Anzeige von gestern, gilt das Angebot noch?",
                ],
            ),
        ],
    );
}

#[test]
fn who_asks_for_a_person_is_told_from_who_asks_about_one() {
    check(
        Language::German,
        &[
            (
                Some(Trigger::WantsPerson),
                &[
                    "Ich möchte mit einem Menschen sprechen",
                    "Kann ich mit jemandem reden?",
                    "Holen Sie bitte einen Mitarbeiter",
                    "Ich will den Filialleiter sprechen",
                    "Kann bitte jemand kommen?",
                    "Mitarbeiter bitte",
                    "Verbinden Sie mich bitte",
                ],
            ),
            (
                None,
                &[
                    "Bist du ein Mensch?",
                    "Spreche ich mit einem Roboter?",
                    "Eine Torte für acht Personen",
                    "Wo ist die Kundeninformation?",
                    "Ich will nicht mit jemandem reden, nur den Preis wissen",
                    "Gibt es Rabatt für Mitarbeiter?",
                ],
            ),
        ],
    );
}
