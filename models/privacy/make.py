#!/usr/bin/env python3
"""Makes set.tsv: messages of shoppers with made-up personal data, and messages without any.

    models/privacy/make.py [--check]

Needs Faker. A line is: language, text; personal data stands as [[ENTITY:value]]. All persons are Faker's; equal
versions make equal files. --check compares instead of writing. Entities are named as Presidio names them.
"""

import argparse
import random
import sys
from pathlib import Path

from faker import Faker

HERE = Path(__file__).parent
SEED, OF_EACH = 5, 40
LOCALES = {"en": "en_GB", "de": "de_DE", "es": "es_ES", "fr": "fr_FR"}

# Ways to say a thing; names that words announce are measured apart from those that stand alone.
WAYS = {
    "en": {
        "PERSON announced": ["My name is {}.", "hi, my name is {} and I lost my bag", "I'm {}, I have a question", "The order is under the name {}.", "Thank you, kind regards, {}"],
        "PERSON alone": ["Could you tell {} that I called?", "The parcel is for {}", "I spoke to {} yesterday", "{} told me to come here"],
        "LOCATION announced": ["I live in {}.", "My address is {}", "Please deliver to {}.", "I live at {}, is that too far?"],
        "EMAIL_ADDRESS": ["Write to {}.", "my mail is {}, thanks", "send the receipt to {} please"],
        "PHONE_NUMBER": ["Call me at {}.", "My number is {}", "you can reach me under {} after six"],
        "CREDIT_CARD": ["My card is {}.", "can I pay with {} ?", "charge {} please"],
        "IBAN_CODE": ["Send it to {}.", "my account: {}", "refund to {} please"],
        "IP_ADDRESS": ["I am on {} in your wifi.", "address {} is blocked"],
        "DATE_OF_BIRTH": ["I was born on {}.", "date of birth: {}", "my birthday is {}, do I get a discount?"],
    },
    "de": {
        "PERSON announced": ["Mein Name ist {}.", "hallo, ich heiße {} und suche Brot", "Ich bin {}, ich habe eine Frage", "Die Bestellung läuft auf den Namen {}.", "Danke und viele Grüße, {}"],
        "PERSON alone": ["Können Sie {} ausrichten, dass ich da war?", "Das Paket ist für {}", "Ich habe gestern mit {} gesprochen", "{} hat mich geschickt"],
        "LOCATION announced": ["Ich wohne in {}.", "Meine Adresse ist {}", "Ich wohne in {}, liefern Sie dorthin?"],
        "EMAIL_ADDRESS": ["Schreiben Sie an {}.", "meine Mail ist {}, danke", "den Beleg bitte an {}"],
        "PHONE_NUMBER": ["Rufen Sie mich an: {}.", "Meine Nummer ist {}", "Sie erreichen mich telefonisch unter {} nach sechs"],
        "CREDIT_CARD": ["Meine Karte ist {}.", "kann ich mit {} zahlen?", "bitte {} belasten"],
        "IBAN_CODE": ["Überweisen Sie an {}.", "mein Konto: {}", "bitte auf {} erstatten"],
        "IP_ADDRESS": ["Ich bin mit {} im WLAN.", "die Adresse {} ist gesperrt"],
        "DATE_OF_BIRTH": ["Ich bin geboren am {}.", "Geburtsdatum: {}"],
    },
    "es": {
        "PERSON announced": ["Mi nombre es {}.", "hola, me llamo {} y busco pan", "Soy {}, tengo una pregunta", "El pedido está a nombre de {}.", "Gracias, saludos, {}"],
        "PERSON alone": ["¿Puede decirle a {} que vine?", "El paquete es para {}", "Ayer hablé con {}", "{} me dijo que viniera"],
        "LOCATION announced": ["Vivo en {}.", "Mi dirección es {}", "Vivo en {}, ¿entregan allí?"],
        "EMAIL_ADDRESS": ["Escriba a {}.", "mi correo es {}, gracias", "mande el recibo a {}"],
        "PHONE_NUMBER": ["Llámeme al {}.", "Mi número es {}", "mi teléfono es {}"],
        "CREDIT_CARD": ["Mi tarjeta es {}.", "¿puedo pagar con {} ?"],
        "IBAN_CODE": ["Mándelo a {}.", "mi cuenta: {}"],
        "IP_ADDRESS": ["Estoy con {} en la wifi."],
        "DATE_OF_BIRTH": ["Nací el {}.", "fecha de nacimiento: {}"],
    },
    "fr": {
        "PERSON announced": ["Mon nom est {}.", "bonjour, je m'appelle {} et je cherche du pain", "Je suis {}, j'ai une question", "La commande est au nom de {}.", "Merci, cordialement, {}"],
        "PERSON alone": ["Pouvez-vous dire à {} que je suis passé ?", "Le colis est pour {}", "J'ai parlé à {} hier", "{} m'a dit de venir"],
        "LOCATION announced": ["J'habite à {}.", "Mon adresse est {}", "J'habite à {}, vous livrez ?"],
        "EMAIL_ADDRESS": ["Écrivez à {}.", "mon mail est {}, merci", "envoyez le ticket à {}"],
        "PHONE_NUMBER": ["Appelez-moi au {}.", "Mon numéro est le {}", "mon téléphone : {}"],
        "CREDIT_CARD": ["Ma carte est {}.", "je peux payer avec {} ?"],
        "IBAN_CODE": ["Envoyez à {}.", "mon compte : {}"],
        "IP_ADDRESS": ["Je suis en {} sur le wifi."],
        "DATE_OF_BIRTH": ["Je suis né le {}.", "date de naissance : {}"],
    },
}
# What only one country has.
NATIONAL = {
    "en": {"UK_NINO": ["my insurance number is {}"], "US_SSN": ["my social is {}", "SSN {}"], "UK_NHS": ["NHS number {}"]},
    "de": {"DE_TAX_ID": ["Meine Steuer-ID ist {}"]},
    "es": {"ES_NIF": ["Mi DNI es {}"], "ES_NIE": ["mi NIE: {}"]},
    "fr": {"FR_NIR": ["mon numéro de sécu est {}"]},
}
# Streets as they stand in a sentence, with nothing that announces them.
STREETS = {"en": ["I parked in front of {}."], "de": ["Ich stehe vor der {}."], "es": ["Estoy delante de {}."], "fr": ["Je suis devant le {}."]}
HARMLESS = {
    "en": ["Do you have {} in size {n}?", "What does {} cost, {p}?", "order {o}, {n} pieces of {}", "Is {} (EAN {e}) in stock?", "I am Vegan, is {} fine?", "open on {d}?", "I'm looking for {}"],
    "de": ["Habt ihr {} in Größe {n}?", "Was kostet {}, {p}?", "Bestellung {o}, {n} Stück {}", "Ist {} (EAN {e}) da?", "Ich bin Veganer, geht {}?", "am {d} offen?", "Ich suche {}"],
    "es": ["¿Tienen {} en talla {n}?", "¿Cuánto cuesta {}, {p}?", "pedido {o}, {n} unidades de {}", "¿Hay {} (EAN {e})?", "Soy vegano, ¿vale {}?", "¿abren el {d}?", "Busco {}"],
    "fr": ["Vous avez {} en taille {n} ?", "Combien coûte {}, {p} ?", "commande {o}, {n} pièces de {}", "Avez-vous {} (EAN {e}) ?", "Je suis végane, {} convient ?", "ouvert le {d} ?", "Je cherche {}"],
}
PRODUCTS = ["Ben & Jerry's", "Dr. Oetker Ristorante", "Jack Daniel's", "Granny Smith", "Captain Morgan", "Uncle Ben's", "Quality Street",
            "Johnnie Walker", "Mr. Clean", "San Pellegrino", "Philadelphia", "Levi's 501", "Nike Air Max 90", "Paul Mitchell Shampoo", "Head & Shoulders 300 ml"]


def national(entity, fake, rng):
    digits = lambda count: [rng.randrange(10) for _ in range(count)]
    if entity == "US_SSN":
        return f"{rng.randint(1, 665):03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"
    if entity == "UK_NINO":
        return "".join(rng.choice("ABCEGHJKLMPRSTWXY") for _ in range(2)).replace("GB", "AB").replace("BG", "AB").replace("TN", "AB").replace("NT", "AB").replace("KN", "AB").replace("NK", "AB") + "".join(map(str, digits(6))) + rng.choice("ABCD")
    if entity == "UK_NHS":
        while True:
            body = digits(9)
            check = 11 - sum(d * w for d, w in zip(body, range(10, 1, -1))) % 11
            if check != 10:
                text = "".join(map(str, body + [check % 11]))
                return f"{text[:3]} {text[3:6]} {text[6:]}"
    if entity == "DE_TAX_ID":
        body = rng.sample(range(10), 9)
        body.insert(rng.randrange(1, 9), rng.choice(body))
        if body[0] == 0:
            body[0], body[-1] = body[-1] or 1, 0
        if sorted(body).count(max(body, key=body.count)) not in (2, 3):
            return national(entity, fake, rng)
        product = 10
        for digit in body:
            product = ((product + digit) % 10 or 10) * 2 % 11
        return "".join(map(str, body + [(11 - product) % 10]))
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    if entity == "ES_NIF":
        number = rng.randrange(10**7, 10**8)
        return f"{number}{rng.choice(['', '-'])}{letters[number % 23]}"
    if entity == "ES_NIE":
        first, number = rng.randrange(3), rng.randrange(10**7)
        return f"{'XYZ'[first]}{number:07}{letters[(first * 10**7 + number) % 23]}"
    body = f"{rng.randint(1, 2)}{rng.randint(30, 99)}{rng.randint(1, 12):02}{rng.randint(1, 95):02}{rng.randint(1, 999):03}{rng.randint(1, 999):03}"
    key = 97 - int(body) % 97
    return rng.choice([f"{body}{key:02}", f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key:02}"])


def value(entity, language, fake, rng):
    grouped = lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    if entity.startswith("PERSON"):
        name = rng.choice([f"{fake.first_name()} {fake.last_name()}", f"{fake.first_name()} {fake.last_name()}", fake.first_name()])
        return name.lower() if entity == "PERSON announced" and rng.random() < 0.15 else name
    if entity == "LOCATION announced":
        return fake.city()
    if entity == "LOCATION street":
        return fake.street_address().replace("\n", ", ")
    if entity == "EMAIL_ADDRESS":
        return rng.choice([fake.free_email(), fake.company_email()])
    if entity == "PHONE_NUMBER":
        return fake.phone_number()
    if entity == "CREDIT_CARD":
        card = fake.credit_card_number(rng.choice(["visa16", "mastercard", "amex"]))
        return rng.choice([card, grouped(card) if len(card) == 16 else card])
    if entity == "IBAN_CODE":
        return rng.choice([str, grouped])(fake.iban())
    if entity == "IP_ADDRESS":
        return rng.choice([fake.ipv4(), fake.ipv6()])
    if entity == "DATE_OF_BIRTH":
        born = fake.date_of_birth(minimum_age=16, maximum_age=90)
        return born.strftime(rng.choice({"en": ["%d/%m/%Y", "%d %B %Y", "%B %d, %Y", "%Y-%m-%d"], "de": ["%d.%m.%Y", "%d.%m.%y"]}.get(language, ["%d/%m/%Y", "%d-%m-%Y"])))
    return national(entity, fake, rng)


def gtin(rng):
    body = [rng.randrange(10) for _ in range(12)]
    check = -sum(d * (3 if at % 2 else 1) for at, d in enumerate(body)) % 10
    return "".join(map(str, body + [check]))


def made():
    lines = []
    for language, locale in LOCALES.items():
        fake, rng = Faker(locale), random.Random(f"{SEED} {language}")
        fake.seed_instance(SEED)
        ways = {**WAYS[language], **NATIONAL[language], "LOCATION street": STREETS[language]}
        for entity, wordings in ways.items():
            for at in range(OF_EACH):
                found = value(entity, language, fake, rng)
                lines.append(f"{language}\t" + wordings[at % len(wordings)].replace("{}", f"[[{entity}:{found}]]"))
        for at in range(3 * OF_EACH):
            text = HARMLESS[language][at % len(HARMLESS[language])]
            filled = {"n": rng.randint(2, 48), "p": f"{rng.randint(1, 99)}.{rng.randint(10, 99)} €", "o": rng.randint(10**6, 10**8),
                      "e": gtin(rng), "d": f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.2026"}
            lines.append(f"{language}\t" + text.replace("{}", rng.choice(PRODUCTS)).format(**filled))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    path, text = HERE / "set.tsv", made()
    if args.check:
        sys.exit(path.read_text() != text and f"{path} is not what is made")
    path.write_text(text)
    print(f"{len(text.splitlines())} messages in {path}")


if __name__ == "__main__":
    main()
