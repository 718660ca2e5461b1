use super::Phrases;
use crate::skills::ask::intent::Aspect::{Brand, Other, Size};
use crate::skills::ask::intent::Intent::*;

pub(super) const PHRASES: &[Phrases] = &[
    (Recall, 90, "retirada | retirado | retiradas | retirados | retiraron | alerta sanitaria"),
    (Recall, 90, "alerta alimentaria | es seguro comer"),
    (Allergens, 92, "es seguro comer _ _ alerg* | alerg* _ es seguro comer"),
    (
        Allergens,
        80,
        "alerg* | trazas _ @ | contiene* _ @ | sin @ | libre de @ | libres de @ | trazas",
    ),
    (Allergens, 80, "intoleran* | celiac* | lleva* _ @ | hay _ @ en"),
    (Allergens, 45, "? tiene @ | ? tienen @"),
    (Allergens, 35, "no tiene _ @ | no tienen _ @ | *gluten* | lactosa"),
    (Compare, 75, "mas barato* | mas barata* | mas caro* | mas cara* | diferencia de precio"),
    (Compare, 75, "compara* | cuesta mas | cuesta menos | menos caro*"),
    (Attribute(Other), 72, "cuanto azucar | cuanta azucar | cuanta grasa | cuanta sal | calorias"),
    (Attribute(Other), 72, "cuanta proteina | ingrediente* | nutricional* | de donde | origen"),
    (Attribute(Other), 72, "donde _ hech* | donde _ fabrica* | cuanto alcohol | cuanta cafeina"),
    (
        Attribute(Other),
        72,
        "^ es ... vegan* $ | ^ son ... vegan* $ | ^ es _ ecologic* $ | ^ es _ halal $",
    ),
    (Attribute(Other), 72, "^ es _ vegetarian* $ | ^ son _ vegetarian* $ | ^ es _ kosher $"),
    (Promotions, 70, "oferta* | promocion* | descuento* | rebaja* | rebajad* | cupon*"),
    (
        Attribute(Size),
        65,
        "que tamano | cuanto pesa* | cuantos gramos | cuantos litros | cuanto mide",
    ),
    (Attribute(Size), 65, "peso | tamano"),
    (Attribute(Brand), 65, "que marca | marca | fabricante | quien fabrica | quien hace"),
    (
        Stock,
        66,
        "en stock | disponib* | agotad* | existencias | queda* | cuantos _ hay | cuantas _ hay",
    ),
    (Location, 64, "donde | que pasillo | pasillo | estante | encuentro | ubicacion | estanteria"),
    (Hours, 78, "horario*"),
    (Hours, 66, "a que hora | cuando abre* | cuando cierra* | hasta que hora | cuando abris"),
    (Hours, 62, "abre | abren | abris | cierra | cierran | cerrais | abierto | abierta | abiertos"),
    (Hours, 62, "cerrado | cerrada"),
    (
        Price,
        60,
        "cuanto cuesta* | cuanto vale* | precio* | a cuanto | cuesta* | cuanto es | cuanto sale",
    ),
    (Stock, 50, "tienda tiene"),
    (Stock, 40, "tienen | teneis | tiene | hay | venden | vendeis | vende"),
    (About, 20, "que es | que son | hablame | cuentame | describ* | informacion"),
];

pub(super) const NOISE: &str = "tienda supermercado precio precios paquete paquetes producto \
    productos articulo sku actualmente marca tamano tipo hola gracias buenos dias \
    cual cuales entre diferencia";
