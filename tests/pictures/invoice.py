"""An A4 invoice at 150 dots per inch, and its text."""

from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVu"
DOTS_PER_POINT = 150 / 72

PLAIN = [
    ("Wintermantel blau, Gr. 40", 1, 189.95),
    ("Damen Pullover, Wolle 100%", 2, 59.90),
    ("Leather belt, brown, 95 cm", 1, 34.50),
    ("Kinder Regenjacke rot", 3, 27.99),
    ("Cotton socks, pack of 5", 4, 9.95),
    ("Handtasche schwarz", 1, 129.00),
    ("Silk scarf 70x70 cm", 2, 45.00),
    ("Gift card", 1, 50.00),
]
GERMAN = {1: ("Öko-Pullover, Größe 38, weiß", 2, 59.90), 3: ("Mädchen Regenjacke, größer", 3, 27.99)}


def font(name, points):
    return ImageFont.truetype(f"{FONTS}{name}.ttf", round(points * DOTS_PER_POINT))


def rows(german):
    """Each row's place from above, and its pieces: place (from the right where negative), text, font."""
    title, bold = font("Sans-Bold", 20), font("Sans-Bold", 11)
    plain, serif, small = font("Sans", 10), font("Serif", 10), font("Sans", 8)
    yield 100, [(100, "RECHNUNG / INVOICE", title)]
    yield 170, [(100, "Modehaus Lindner GmbH, Hauptstrasse 12, 80331 Munich", small)]
    yield 240, [(100, "Anna Schmidt", plain), (-1140, "Rechnung Nr. 2026-10482", plain)]
    yield 275, [(100, "Gartenweg 7", plain), (-1140, "Datum: 25.11.2026", plain)]
    yield 310, [(100, "12345 Berlin", plain), (-1140, "Kunde: 77-3951", plain)]
    yield 400, [(100, "Vielen Dank für Ihren Einkauf. Wir berechnen Ihnen:", serif)]
    yield 440, [(100, "Thank you for your purchase. Please pay within 14 days.", serif)]
    heads = [(100, "Artikel / Item"), (640, "Menge"), (-930, "Preis"), (-1140, "Betrag")]
    yield 515, [(place, text, bold) for place, text in heads]
    items = [GERMAN.get(at, item) if german else item for at, item in enumerate(PLAIN)]
    for at, (name, count, price) in enumerate(items):
        texts = [(100, name), (660, str(count)), (-930, f"{price:.2f}"), (-1140, f"{count * price:.2f}")]
        yield 590 + 50 * at, [(place, text, plain) for place, text in texts]
    total = sum(count * price for _, count, price in items)
    yield 1035, [(640, "Zwischensumme", plain), (-1140, f"{total:.2f}", plain)]
    yield 1085, [(640, "MwSt. 19%", plain), (-1140, f"{total * 0.19:.2f}", plain)]
    yield 1140, [(640, "Gesamt EUR", bold), (-1140, f"{total * 1.19:.2f}", bold)]
    yield 1240, [(100, "Bitte überweisen Sie den Betrag auf das folgende Konto:", serif)]
    yield 1280, [(100, "IBAN DE89 3704 0044 0532 0130 00", plain)]
    yield 1315, [(100, "BIC COBADEFFXXX", plain)]
    yield 1400, [(100, "Returns within 30 days with this receipt. Reduced goods cannot be returned.", small)]
    yield 1430, [(100, "Questions? Call +49 89 1234567 or write to service@example.com", small)]
    yield 1640, [(100, "Amtsgericht Munich HRB 123456, USt-IdNr. DE123456789, www.example.com", small)]


def invoice(german):
    image = Image.new("RGB", (1240, 1754), "white")
    draw, lines = ImageDraw.Draw(image), []
    for top, pieces in rows(german):
        for place, text, drawn in pieces:
            anchor = "la" if place > 0 else "ra"
            draw.text((abs(place), top), text, font=drawn, fill=(20, 20, 20), anchor=anchor)
        lines.append(" ".join(text for _, text, _ in pieces))
    for top in [560, 1010]:
        draw.line([(100, top), (1140, top)], fill=(120, 120, 120), width=2)
    return image, "\n".join(lines)
