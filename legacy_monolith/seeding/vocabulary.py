"""The words that sample data is made of."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Kind:
    """A kind of product: its SKU prefix, its department, what it may be made of, what it costs."""

    prefix: str
    noun: str
    category: str
    materials: tuple[str, ...]
    cheapest: Decimal
    dearest: Decimal


def _kind(prefix: str, noun: str, category: str, materials: str, cheapest: int, dearest: int) -> Kind:
    return Kind(prefix, noun, category, tuple(materials.split(", ")), Decimal(cheapest), Decimal(dearest))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORIES = {
    "bath": "Bath",
    "books": "Books & Paper",
    "cafe": "Café",
    "children": "Children",
    "garden": "Garden",
    "kitchen": "Kitchen",
    "lighting": "Lighting",
    "living": "Living Room",
    "outdoor": "Outdoor",
    "textiles": "Textiles",
    "tools": "Tools",
    "workroom": "Workroom",
}
KINDS = (
    _kind("MUG", "mug", "kitchen", "Stoneware, Porcelain, Enamel", 9, 28),
    _kind("BOWL", "bowl", "kitchen", "Stoneware, Olive wood, Glass", 12, 48),
    _kind("PAN", "pan", "kitchen", "Cast iron, Copper, Steel", 35, 160),
    _kind("KNIFE", "knife", "kitchen", "Carbon steel, Steel", 18, 140),
    _kind("TEAPOT", "teapot", "cafe", "Porcelain, Cast iron, Glass", 24, 95),
    _kind("PRESS", "coffee press", "cafe", "Glass, Steel", 22, 80),
    _kind("CUP", "espresso cup", "cafe", "Porcelain, Stoneware", 7, 19),
    _kind("TOWEL", "towel", "bath", "Linen, Cotton", 11, 45),
    _kind("SOAP", "soap dish", "bath", "Marble, Bamboo, Brass", 6, 26),
    _kind("NOTE", "notebook", "books", "Recycled paper, Leather", 5, 32),
    _kind("PEN", "fountain pen", "books", "Brass, Resin", 19, 120),
    _kind("BLOCK", "building blocks", "children", "Beech, Cork", 14, 60),
    _kind("KITE", "kite", "children", "Cotton, Paper", 12, 44),
    _kind("TROWEL", "trowel", "garden", "Copper, Steel", 13, 39),
    _kind("POT", "plant pot", "garden", "Terracotta, Zinc, Stoneware", 6, 55),
    _kind("CAN", "watering can", "garden", "Zinc, Copper", 21, 75),
    _kind("LAMP", "table lamp", "lighting", "Brass, Linen, Glass", 45, 240),
    _kind("CANDLE", "candle holder", "lighting", "Brass, Marble, Oak", 9, 38),
    _kind("CHAIR", "chair", "living", "Oak, Beech, Rattan", 89, 420),
    _kind("VASE", "vase", "living", "Glass, Stoneware, Brass", 15, 110),
    _kind("CLOCK", "wall clock", "living", "Oak, Steel", 29, 130),
    _kind("FLASK", "flask", "outdoor", "Steel, Enamel", 17, 49),
    _kind("HAMMOCK", "hammock", "outdoor", "Cotton, Canvas", 39, 130),
    _kind("THROW", "throw", "textiles", "Wool, Linen, Cotton", 35, 180),
    _kind("CUSHION", "cushion", "textiles", "Wool, Velvet, Linen", 18, 70),
    _kind("RUG", "rug", "textiles", "Wool, Jute", 60, 480),
    _kind("SAW", "hand saw", "tools", "Carbon steel", 22, 64),
    _kind("HAMMER", "hammer", "tools", "Steel, Ash", 16, 48),
    _kind("APRON", "apron", "workroom", "Canvas, Leather, Linen", 24, 98),
    _kind("BOX", "box", "workroom", "Oak, Birch, Steel", 13, 66),
)
COLOURS = {
    "slate": "#5b6770",
    "moss": "#6b7f4a",
    "rosé": "#d9a5a0",
    "indigo": "#3f4a7d",
    "chalk": "#d8d3c8",
    "amber": "#d9973a",
    "plum": "#6b3a63",
    "sage": "#9bb09a",
    "terracotta": "#c0694a",
    "ink": "#2c2f3a",
    "sand": "#cdb48c",
    "crème": "#eadfc4",
}
QUALITIES = ("fair-trade", "gift", "handmade", "mended-for-life", "new-season", "plastic-free", "small-batch", "vegan")
SENTENCES = (
    "Made in a workshop of six people.",
    "It ages well, and can be mended when it must be.",
    "Each one differs a little from the next.",
    "A quiet piece for every day.",
    "Comes in a box of recycled card.",
    "Wash it by hand, and it will outlive you.",
    "Drawn with a view to small rooms.",
    "The finish is natural oil, nothing else.",
    "A favourite of ours since the first year.",
    "Goes with everything, shouts at nothing.",
)
FIRST_NAMES = _words(
    "Ada Anna Aylin Beatriz Björn Carlos Clara Dario Elif Emil Eva Fatima Freja Gianni Greta Hanna Hugo Ida Ines Ivan "
    "Jana Joao José Karin Kofi Lars Lena Leo Lucía Magnus Maja Marta Mateo Mina Nadia Nils Nora Oskar Petra Rafael "
    "Rosa Sami Sara Sofia Søren Tariq Tomás Vera Yara Zoe"
)
LAST_NAMES = _words(
    "Almeida Andersen Bakker Berg Bianchi Brandt Castro Costa Dahl Demir Dubois Eriksen Fernández Fischer Fontaine "
    "García Haas Hansen Holm Ivanov Jansen Keller Kowalski Lange Larsen Lindqvist Lombardi Marino Meyer Moreau Müller "
    "Nielsen Novak Olsen Öztürk Pereira Petersen Ricci Rossi Ruiz Santos Schmidt Silva Sørensen Torres Virtanen Visser "
    "Wagner Weber Zimmermann"
)
STREETS = ("Harbour Street", "Mill Lane", "Church Row", "Station Road", "Orchard Way", "Bridge Street", "Rue Haute")
CITIES = (
    ("1050", "Copenhagen", "DK"),
    ("20095", "Hamburg", "DE"),
    ("1010", "Vienna", "AT"),
    ("1012 AB", "Amsterdam", "NL"),
    ("28001", "Madrid", "ES"),
    ("75003", "Paris", "FR"),
    ("20121", "Milan", "IT"),
    ("1100-048", "Lisbon", "PT"),
    ("00100", "Helsinki", "FI"),
    ("111 29", "Stockholm", "SE"),
    ("D02 X285", "Dublin", "IE"),
    ("1000", "Brussels", "BE"),
)
