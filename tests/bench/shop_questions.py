"""Questions about the sample shop, made from its catalogue, each with the facts that its answer has to have.

    python tests/bench/shop_questions.py            # prints how many there are of each kind

They are the same whenever they are made: what looks random follows from digests of the products' numbers.
"""

import csv
import hashlib
import io
import pathlib
import re
import tarfile

SHOP = pathlib.Path(__file__).parents[2] / "models/sample-shop/shop.tar.gz"
ALLERGENS = ["milk", "wheat", "eggs", "soy", "peanuts", "nuts", "fish"]
WORDS = {
    "de": {"milk": "Milch", "wheat": "Weizen", "eggs": "Eier", "soy": "Soja", "peanuts": "Erdnüsse", "nuts": "Nüsse",
           "fish": "Fisch"},
}


def tables():
    """The shop's tables by name, as lists of rows."""
    with tarfile.open(SHOP) as shop:
        read = lambda name: io.TextIOWrapper(shop.extractfile(name), "utf-8")
        return {
            name.removesuffix(".csv"): list(csv.DictReader(read(name))) for name in shop.getnames() if name.endswith(".csv")
        }


class Shop:
    """The catalogue by SKU."""

    def __init__(self):
        rows = tables()
        self.products = {row["sku"]: row for row in rows["products"]}
        self.prices = {row["sku"]: row for row in rows["prices"]}
        self.stock = {row["sku"]: row for row in rows["stock"]}
        self.promotions = rows["promotions"]
        self.recalled = {sku for row in rows["recalls"] for sku in row["skus"].split("|")}

    def name(self, sku, language="en", size=True):
        name = self.products[sku][f"name.{language}"]
        if size:
            return name
        short = self.short(name)
        # A shorter name that another product has would ask for that one.
        others = (row[f"name.{language}"] for row in self.products.values() if row["sku"] != sku)
        return name if short in others else short

    @staticmethod
    def short(name):
        return re.sub(r"\s+[\d.,]+ ?(gal|oz|fl oz|lb|ct|l|ml|g|kg|qt|pt|pk|pack|in|ft|count|each)\b.*$", "", name)

    def allergens(self, sku):
        row = self.products[sku]
        if not row["allergens"]:
            return None, None
        split = lambda text: {one for one in text.split("|") if one and one != "none"}
        return split(row["allergens"]), split(row["may_contain"])

    def chosen(self, kind, count, fits=lambda sku: True):
        """So many SKUs that fit, the same ones each time."""
        order = sorted(self.products, key=lambda sku: hashlib.sha256(f"{kind} {sku}".encode()).digest())
        return [sku for sku in order if sku not in self.recalled and fits(sku)][:count]


def money(amount, language="en"):
    return f"${float(amount):.2f}" if language == "en" else f"{float(amount):.2f} $".replace(".", ",")


def place(shop, sku, language="en"):
    word = {"en": "aisle", "de": "Gang", "es": "pasillo", "fr": "allée"}[language]
    return f"{word} {shop.stock[sku]['aisle']}"


def made(shop):
    """Every question: what is said, turn by turn, and what the last answer has to have."""
    questions = []

    def add(kind, say, sku, *has, language="en"):
        questions.append({"kind": kind, "say": say, "sku": sku, "has": list(has), "language": language})

    ways = ["How much is the {}?", "What does the {} cost?", "price of {} please", "how much for {}"]
    for at, sku in enumerate(shop.chosen("price", 60)):
        add("price", [ways[at % 4].format(shop.name(sku, size=at % 3 != 0))], sku, re.escape(money(shop.prices[sku]["amount"])))
    there = lambda sku: shop.stock[sku]["band"] in ("some", "plenty")
    for at, sku in enumerate(shop.chosen("stock", 30, there)):
        ways = ["Do you have {}?", "Is the {} in stock?", "got any {} left?"]
        add("stock", [ways[at % 3].format(shop.name(sku))], sku, r"[Yy]es, we have", re.escape(shop.name(sku)))
    for at, sku in enumerate(shop.chosen("place", 40)):
        ways = ["Where is the {}?", "which aisle has the {}?", "where can i find {}"]
        add("place", [ways[at % 3].format(shop.name(sku, size=at % 2 == 0))], sku, place(shop, sku))
    out = lambda sku: shop.stock[sku]["band"] == "out"
    for at, sku in enumerate(shop.chosen("out", 25, out)):
        ways = ["Do you have {}?", "Is {} in stock?"]
        add("sold out", [ways[at % 2].format(shop.name(sku))], sku, "sold out", "instead|could replace")
    known = lambda sku: shop.allergens(sku)[0] is not None
    for at, sku in enumerate(shop.chosen("allergen", 50, known)):
        allergen = ALLERGENS[at % len(ALLERGENS)]
        contains, traces = shop.allergens(sku)
        kin = {"nuts": {"nuts", "peanuts"}}.get(allergen, {allergen})
        said = "contains? .*" if kin & contains else "may contain traces" if kin & traces else f"contains no {allergen}"
        add("allergen", [f"Does the {shop.name(sku)} contain {allergen}?"], sku, said)
    listed = lambda sku: known(sku) and shop.allergens(sku)[0]
    for sku in shop.chosen("allergens", 15, listed):
        add("allergens", [f"Which allergens are in {shop.name(sku)}?"], sku,
            *[f"contains .*{allergen}" for allergen in sorted(shop.allergens(sku)[0])])
    organic = lambda sku: shop.products[sku]["attribute.organic"] in ("true", "false")
    for sku in shop.chosen("organic", 20, organic):
        yes = shop.products[sku]["attribute.organic"] == "true"
        add("organic", [f"Is the {shop.name(sku)} organic?"], sku, "Yes" if yes else "No, .*not organic")
    sized = lambda sku: shop.products[sku]["size.text"]
    for sku in shop.chosen("size", 12, sized):
        add("size", [f"What size is the {shop.name(sku, size=False)}?"], sku, re.escape(shop.products[sku]["size.text"]))
    for sku in shop.chosen("sku", 8):
        add("number", [f"how much is {sku}"], sku, re.escape(money(shop.prices[sku]["amount"])))
    for at, sku in enumerate(shop.chosen("follow", 30)):
        then = [("and where is it?", place(shop, sku)), ("how much is it?", re.escape(money(shop.prices[sku]["amount"])))][at % 2]
        first = [f"Do you have {shop.name(sku)}?", f"Which aisle is {shop.name(sku)} in?"][at % 2]
        add("follow-up", [first, then[0]], sku, then[1])
    dear = lambda sku: float(shop.prices[sku]["amount"]) > 4 and there(sku)
    for sku in shop.chosen("cheaper", 15, dear):
        add("cheaper", [f"How much is {shop.name(sku)}?", "do you have something cheaper?"], None,
            "cost less|nothing like")
    for language, price, where in [
        ("de", "Was kostet {}?", "Wo finde ich {}?"),
        ("es", "¿Cuánto cuesta {}?", "¿Dónde está {}?"),
        ("fr", "Combien coûte {} ?", "Où se trouve {} ?"),
    ]:
        for at, sku in enumerate(shop.chosen(language, 16)):
            name = shop.name(sku, language)
            if at % 2:
                add(f"price {language}", [price.format(name)], sku, re.escape(money(shop.prices[sku]["amount"], language)),
                    language=language)
            else:
                add(f"place {language}", [where.format(name)], sku, place(shop, sku, language), language=language)
    for name in ["Glimmerwing Moon Cheese", "Zorblax Crunch", "Vantablack Soda", "Quuxberry Jam", "Dragonfruit Anvils",
                 "Hoverboard Butter", "Plutonium Crackers", "Elbonian Mud Pie", "Snorkelberry Tea", "Wumpus Jerky"]:
        add("no such", [f"How much is the {name}?"], None, "do not find|Do you mean|Which one")
    return questions


if __name__ == "__main__":
    counts = {}
    for question in made(Shop()):
        counts[question["kind"]] = counts.get(question["kind"], 0) + 1
    for kind, count in counts.items():
        print(f"{kind:12} {count}")
    print(f"{'all':12} {sum(counts.values())}")
