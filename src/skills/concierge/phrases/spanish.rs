use super::Cue::*;
use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    cues: &[
        (
            ChangeOrder,
            "cancelar _ pedido | cambiar _ pedido | anular _ pedido | modificar _ pedido",
        ),
        (Return, "devolver | devolucion* | reembolso* | cambiar este | cambiar esto"),
        (Order, "mi pedido | numero de pedido | estado del pedido | mi paquete | mi envio"),
        (Order, "nuestro pedido | ^ pedido"),
        (Person, "hablar con _ persona | hablar con alguien | una persona | un empleado"),
        (Person, "un dependiente | una dependienta | el encargado | alguien me ayude | un humano"),
        (Person, "puede ayudarme alguien | puede alguien | llamar a alguien | un companero"),
        (WhoAreYou, "quien eres | quien es usted | que eres $ | eres _ robot | eres _ persona"),
        (WhoAreYou, "como te llamas | tu nombre | eres una ia | eres real"),
        (CanDo, "que puedes hacer | que puedo preguntar | ^ ayuda $ | en que puedes ayudar"),
        (Other, "otra cosa | otro parecido | alternativa* | en su lugar | parecido | parecida"),
        (Other, "otra marca | otras marcas | algo similar | sustitut*"),
        (Cheaper, "algo mas barato | una mas barata | uno mas barato | ^ mas barato | muy caro"),
        (Cheaper, "algo mas economico | alternativa mas barata | demasiado caro | menos caro"),
        (
            Goes,
            "combina con | va bien con | acompanar | para acompanar | que mas necesito | va con",
        ),
        (Diet, "soy vegan* | soy vegetarian* | soy _ alergic* | tengo _ alergia | soy celiac*"),
        (Diet, "soy intolerante | no como @ | no puedo comer @ | no tomo @"),
        (Thanks, "^ gracias | ^ muchas gracias | ^ vale gracias | ^ perfecto $ | ^ genial $"),
        (Bye, "^ adios | hasta luego | ^ chao | eso es todo | hasta pronto"),
        (
            Greeting,
            "^ hola $ | ^ buenos dias $ | ^ buenas tardes $ | ^ buenas noches $ | ^ buenas $",
        ),
        (
            Greeting,
            "^ hola buenos dias $ | ^ hola buenas tardes $ | ^ hola buenas $ | ^ hola que tal $",
        ),
        (Instructions, "ignora _ instrucciones | ignora _ reglas | olvida _ reglas | finge que"),
        (
            Instructions,
            "olvida _ instrucciones | tus instrucciones | ahora eres | prompt del sistema",
        ),
        (Health, "saludable* | sano | sana | resfriado | resfriada | dolor de | fiebre | la tos"),
        (Health, "gripe | diabet* | embarazada | colesterol | adelgazar | perder peso | remedio"),
        (Elsewhere, "que tiempo | tiempo hara | tiempo hace | chiste* | algo gracioso | politic*"),
        (Elsewhere, "elecciones | presidente | futbol | poema | programa en | python | capital de"),
        (Idea, "regalo | regalito | idea | ideas | recomiend* | recomend* | sugier* | suger*"),
        (
            Idea,
            "que puedo/podemos/podria/podriamos _ cocinar/preparar/hacer/llevar/servir/comer/beber",
        ),
        (
            Idea,
            "receta* | que necesito/necesitamos para | que se necesita para | ingredientes para",
        ),
        (
            Idea,
            "que hace falta para | que se bebe | que vino | algo para | que cocino | que preparo",
        ),
        (Idea, "algo rico/dulce/especial/rapido/ligero | para desayunar/merendar/cenar"),
        (Idea, "para el/la/una/un _ desayuno/merienda/cena/fiesta/barbacoa/cumpleanos/picnic"),
        (Yes, "^ si | ^ claro | ^ vale $ | ^ por favor $ | ^ de acuerdo"),
        (No, "^ no $ | ^ no gracias | ^ ahora no"),
    ],
    going_on: "y | y que tal | que tal | y que hay de | que hay de | y tambien | tambien | pero | \
        vale y",
    pointing: "lo los esto esta este estos estas eso ese esa esos esas ello ellos ellas",
    definite: "el la los las",
    idle: "algo otra otro otras otros cosa parecido parecida similar alternativa alternativas favor \
        tambien quiero quisiera tomo numero uno una si no mismo misma solo",
    ordinals: [
        "primero primera primer",
        "segundo segunda",
        "tercero tercera tercer",
        "cuarto cuarta",
        "quinto quinta",
        "ultimo ultima",
    ],
};
