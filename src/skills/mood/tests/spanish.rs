use super::*;

#[test]
fn anger_is_told_from_complaints_and_from_products_with_strong_names() {
    check(
        Language::Spanish,
        &[
            (
                Some(Trigger::Anger),
                &[
                    "¡Sois unos ladrones!",
                    "Esto es una estafa, no vuelvo nunca más",
                    "Estoy harta de esperar",
                    "Esta tienda es una broma y nadie me atiende",
                    "Llevo esperando veinte minutos y nadie viene",
                    "Máquina estúpida, no sirves para nada",
                    "¡Vete a la mierda!",
                    "¿Me estás tomando el pelo?",
                    "Es una vergüenza, estoy furioso",
                    "Ridículo e inaceptable, nadie me ayuda",
                ],
            ),
            (
                None,
                &[
                    "Quiero que me devuelvan el dinero",
                    "Me gustaría devolver esta chaqueta, la cremallera está rota.",
                    "¿Pica mucho la salsa asesina?",
                    "¿Tienen bolsas de basura?",
                    "Perdón por la pregunta tonta, ¿dónde está la leche?",
                    "La leche de ayer estaba agria, ¿me la cambian?",
                    "Me cobraron dos veces, ¿lo puede revisar?",
                    "Un cono de helado, por favor",
                    "¿Hasta las diez está abierto?",
                    "No estoy enfadada, solo quiero saber dónde está mi pedido",
                ],
            ),
        ],
    );
}

#[test]
fn danger_is_told_from_questions_about_it() {
    check(
        Language::Spanish,
        &[
            (
                Some(Trigger::AllergyRisk),
                &[
                    "Mi hijo está teniendo una reacción alérgica",
                    "Mi hija comió una galleta y es alérgica a los frutos secos",
                    "Se le hincha la cara",
                    "Tiene una alergia grave al cacahuete, ¿es seguro?",
                ],
            ),
            (
                Some(Trigger::Medical),
                &[
                    "Llamen a una ambulancia",
                    "Alguien se ha desmayado",
                    "Mi madre no puede respirar",
                    "Mi hijo se ha tragado una pila",
                    "Me caí en su tienda",
                    "El pollo me ha sentado mal y no paro de vomitar",
                    "¿Puedo tomar ibuprofeno con aspirina?",
                    "Estoy embarazada, ¿puedo comer este queso?",
                ],
            ),
            (
                None,
                &[
                    "La lista de alérgenos, por favor",
                    "¿Contiene frutos secos?",
                    "Soy alérgica a los frutos secos, ¿lleva alguno?",
                    "¿Algo contra la reacción alérgica al polen?",
                    "La máquina se ha tragado mi moneda",
                    "¿Dónde están las tiritas para heridas?",
                    "¿Qué dosis de detergente hace falta?",
                    "¿Ropa para embarazadas?",
                ],
            ),
        ],
    );
}

#[test]
fn threats_with_the_law_are_told_from_questions_about_it() {
    check(
        Language::Spanish,
        &[
            (
                Some(Trigger::Legal),
                &[
                    "Les voy a denunciar",
                    "Hablaré con mi abogado",
                    "Quiero la hoja de reclamaciones",
                    "Esto es ilegal",
                    "Voy a llamar a la policía",
                ],
            ),
            (
                None,
                &[
                    "¿A qué edad se puede comprar vino?",
                    "Una corbata para mi abogado",
                    "¿Puedo devolver comida abierta?",
                    "¿Cuánto dura la garantía?",
                ],
            ),
        ],
    );
}

#[test]
fn who_asks_for_a_person_is_told_from_who_asks_about_one() {
    check(
        Language::Spanish,
        &[
            (
                Some(Trigger::WantsPerson),
                &[
                    "Quiero hablar con una persona",
                    "¿Puedo hablar con el encargado?",
                    "Llame a un empleado, por favor",
                    "¿Puede venir alguien?",
                    "Necesito una persona real",
                    "El gerente, por favor",
                ],
            ),
            (
                None,
                &[
                    "¿Eres una persona?",
                    "¿Estoy hablando con un robot?",
                    "Una tarta para ocho personas",
                    "¿Dónde está atención al cliente?",
                    "No quiero hablar con nadie, solo el precio",
                ],
            ),
        ],
    );
}
