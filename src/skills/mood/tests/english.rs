use super::*;

#[test]
fn anger_is_told_from_complaints_and_from_products_with_strong_names() {
    check(
        Language::English,
        &[
            (
                Some(Trigger::Anger),
                &[
                    "This is the worst shop ever, I am never coming back!!",
                    "You stupid machine, how many times do I have to tell you",
                    "what the hell is wrong with you people",
                    "I'm sick of this, complete waste of my time",
                    "fucking useless",
                    "You ripped me off, you thieves",
                    "I am absolutely furious about this",
                    "ARE YOU KIDDING ME?!",
                    "Shut up and give me my money, idiots",
                    "this is ridiculous and unacceptable, nobody helps",
                    "your store is a joke, I've been standing here for 20 minutes and nobody helps!",
                    "Waiting ten minutes at the counter and no staff anywhere",
                ],
            ),
            (
                None,
                &[
                    "I want my money back",
                    "I want my money back, please",
                    "I'd like to return this jacket, the zip is broken.",
                    "Is this killer chilli hot?",
                    "How hot is the Killer Chilli sauce?",
                    "Do you have Bloody Mary mix?",
                    "where do I find rubbish bags",
                    "Do you have Angry Orchard cider?",
                    "Sorry for the stupid question, but where is the milk?",
                    "I have a terrible cold, do you have tea with honey?",
                    "My kids hate mushrooms, which pizza has none?",
                    "That's a damn good price!",
                    "I'm not angry, I just want to know where my order is.",
                    "The milk I bought yesterday was sour. Can I get a new one?",
                    "The price on the shelf was lower than at the till.",
                    "Where is the death by chocolate cake?",
                    "I was charged twice, could you check that please?",
                    "DO YOU HAVE OAT MILK",
                    "hell yeah, thanks!",
                    "What scampi do you have?",
                    "Is there a joke book in your shop?",
                    "I am waiting for a friend, 10 minutes, where can I sit?",
                ],
            ),
        ],
    );
}

#[test]
fn danger_is_told_from_questions_about_it() {
    check(
        Language::English,
        &[
            (
                Some(Trigger::AllergyRisk),
                &[
                    "my son is having a reaction",
                    "My daughter ate one and she is allergic to nuts, what do I do",
                    "his throat is swelling",
                    "I think I'm having an allergic reaction to the sauce",
                    "He has a severe peanut allergy, is this safe?",
                    "severely allergic, a trace could kill her",
                    "she ate the cookie and now she has a rash",
                    "we need an epipen now",
                ],
            ),
            (
                Some(Trigger::Medical),
                &[
                    "call an ambulance",
                    "someone fainted in aisle 5",
                    "My mum can't breathe",
                    "my child swallowed a battery",
                    "I got food poisoning from your chicken",
                    "I slipped on your wet floor",
                    "he is choking",
                    "Can I take ibuprofen with aspirin?",
                    "is brie safe to eat while pregnant?",
                    "how much paracetamol can I give my child",
                    "your fish made me sick",
                ],
            ),
            (
                None,
                &[
                    "allergen list please",
                    "Does this contain nuts?",
                    "I'm allergic to nuts, does the granola contain any?",
                    "Do you have something against allergic reactions to pollen?",
                    "Is it gluten free?",
                    "Is this toy a choking hazard?",
                    "artichokes in a jar?",
                    "Where are the plasters?",
                    "Do you sell pregnancy tests?",
                    "Where are maternity clothes, I'm pregnant",
                    "The machine swallowed my coin",
                    "which cleaner removes cat vomit",
                    "nappy rash cream",
                    "How do I keep slugs away, slug poison?",
                    "the bleeding hearts, are they perennial?",
                ],
            ),
        ],
    );
}

#[test]
fn threats_with_the_law_are_told_from_questions_about_it() {
    check(
        Language::English,
        &[
            (
                Some(Trigger::Legal),
                &[
                    "I will sue you",
                    "You will hear from my lawyer",
                    "I'm going to report you to trading standards",
                    "see you in court",
                    "I know my rights",
                    "that's illegal",
                    "I will call the police",
                    "I want to press charges against that guard",
                ],
            ),
            (
                None,
                &[
                    "What is the legal age for wine?",
                    "a tie for my lawyer",
                    "legal pads",
                    "Is it allowed to return opened food?",
                    "What does the guarantee cover?",
                    "sweet potatoes",
                ],
            ),
        ],
    );
}

#[test]
fn who_asks_for_a_person_is_told_from_who_asks_about_one() {
    check(
        Language::English,
        &[
            (
                Some(Trigger::WantsPerson),
                &[
                    "Can I talk to a real person?",
                    "I want to speak to the manager",
                    "get me a human",
                    "human",
                    "Could you call someone over here please",
                    "call an associate",
                    "I need someone to unlock the cabinet",
                    "is there anybody I can speak to?",
                    "let me speak with your supervisor",
                    "can somebody come and help?",
                ],
            ),
            (
                None,
                &[
                    "Are you a real person?",
                    "Am I talking to a human?",
                    "Where is the customer service desk?",
                    "A cake for eight people",
                    "what is on manager's special today",
                    "I don't want to talk to anyone, just tell me the price",
                    "A gift for a person who has everything",
                    "Which cleaning agent is best for ovens?",
                ],
            ),
        ],
    );
}
