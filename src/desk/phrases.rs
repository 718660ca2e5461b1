//! What a shopper is told of the desk, in the shopper's language; in English where that is not known.

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    Here,
    NobodyFree,
    Again,
    Back,
    Closed,
}

/// The sentence, and the language that it is in.
pub(super) fn say(what: Say, language: Option<&str>) -> (&'static str, &'static str) {
    let primary = language.and_then(|tag| tag.split('-').next()).unwrap_or("en");
    match (primary, what) {
        ("de", Say::Here) => ("Eine Kollegin oder ein Kollege ist jetzt für Sie da.", "de"),
        ("de", Say::NobodyFree) => (
            "Im Moment ist niemand frei. Sie können warten, es kommt jemand, sobald es geht, oder mich weiter fragen.",
            "de",
        ),
        ("de", Say::Again) => ("Einen Moment bitte, ich rufe jemand anderen.", "de"),
        ("de", Say::Back) => ("Ab jetzt antwortet wieder der Assistent.", "de"),
        ("de", Say::Closed) => ("Das Gespräch ist beendet. Auf Wiedersehen!", "de"),
        ("fr", Say::Here) => ("Un membre de l’équipe est maintenant là pour vous.", "fr"),
        ("fr", Say::NobodyFree) => (
            "Personne n’est libre pour le moment. Vous pouvez attendre, quelqu’un viendra dès que possible, ou continuer avec moi.",
            "fr",
        ),
        ("fr", Say::Again) => ("Un instant, j’appelle quelqu’un d’autre.", "fr"),
        ("fr", Say::Back) => ("L’assistant vous répond de nouveau.", "fr"),
        ("fr", Say::Closed) => ("La conversation est terminée. Au revoir !", "fr"),
        ("es", Say::Here) => ("Una persona del equipo ya está con usted.", "es"),
        ("es", Say::NobodyFree) => (
            "Ahora mismo no hay nadie libre. Puede esperar, alguien vendrá en cuanto pueda, o seguir preguntándome.",
            "es",
        ),
        ("es", Say::Again) => ("Un momento, llamo a otra persona.", "es"),
        ("es", Say::Back) => ("A partir de ahora responde de nuevo el asistente.", "es"),
        ("es", Say::Closed) => ("La conversación ha terminado. ¡Hasta luego!", "es"),
        (_, Say::Here) => ("A member of our team is with you now.", "en"),
        (_, Say::NobodyFree) => (
            "Nobody is free right now. You can wait, and somebody will come as soon as possible, or go on asking me.",
            "en",
        ),
        (_, Say::Again) => ("One moment please, I am calling somebody else.", "en"),
        (_, Say::Back) => ("The assistant answers you again from here on.", "en"),
        (_, Say::Closed) => ("This conversation is finished. Goodbye!", "en"),
    }
}
