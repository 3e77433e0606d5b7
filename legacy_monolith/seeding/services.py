"""Fills an empty shop with sample data: the same numbers and seed give the same shop, whenever and wherever it is made.

Nothing here reads the clock; all dates lie before `END`. Stock levels are what is left after all the orders.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from legacy_monolith.accounts.models import User
from legacy_monolith.api.models import KeptAnswer
from legacy_monolith.catalogue.models import Category, Product, Tag, searchable
from legacy_monolith.identifiers import uuid7_at
from legacy_monolith.orders.models import NEXT, Order, OrderLine, StatusChange
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock.models import Reservation, ReservationLine, StockLevel
from legacy_monolith.sync.models import Backfill, Entity
from legacy_monolith.sync.writing import writing

from . import pictures, vocabulary

END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(days=365)
KNOWN_CUSTOMERS = (("alice", "Alice", "Larsen"), ("bob", "Bob", "Keller"), ("carol", "Carol", "Rossi"))
# Children before their parents.
TABLES = (
    Backfill,
    KeptAnswer,
    StatusChange,
    OrderLine,
    Order,
    ReservationLine,
    Reservation,
    Payment,
    StockLevel,
    Product.tags.through,
    Product,
    Tag,
    Category,
    Session,
    LogEntry,
    User,
)


@dataclass(frozen=True)
class Size:
    products: int = 400
    orders: int = 3000
    users: int = 200


def is_empty() -> bool:
    return not Product.objects.exists() and not User.objects.exists()


@writing(*Entity.values)
def seed(size: Size, *, seed: int, with_pictures: bool = True) -> None:
    """Fills an empty shop. At least the known logins and one product are made, whatever the size says.

    Nobody is told of it, thousands of times: a service is filled by a backfill.
    """
    random = Random(seed)  # noqa: S311 - sample data, and the same every time
    products = _make_products(random, max(size.products, 1), with_pictures=with_pictures)
    customers = _make_users(random, size.users)
    _make_orders(random, size.orders, customers, products)


@writing(*Entity.values)
def clear() -> None:
    """Takes everything out of the shop, its accounts too. What was told and heard stays told and heard."""
    for table in TABLES:
        table.objects.all().delete()


def _make_products(random: Random, count: int, *, with_pictures: bool) -> list[Product]:
    categories = {
        slug: Category.objects.create(slug=slug, name=name) for slug, name in sorted(vocabulary.CATEGORIES.items())
    }
    products, tags = [], []
    for index in range(count):
        product, slugs = _product(random, index, categories)
        products.append(product)
        tags.append(slugs)
    if with_pictures:
        for index, product in enumerate(products):
            # Some things have no picture yet, as in every shop.
            if index % 29 != 28:
                _give_picture(product, index)
    products = Product.objects.bulk_create(products)
    _tag(products, tags)
    StockLevel.objects.bulk_create(_level(random, product) for product in products)
    return products


def _product(random: Random, index: int, categories: dict[str, Category]) -> tuple[Product, list[str]]:
    kind = vocabulary.KINDS[index % len(vocabulary.KINDS)]
    material, colour = random.choice(kind.materials), random.choice(list(vocabulary.COLOURS))
    sku = f"{kind.prefix}-{index // len(vocabulary.KINDS) + 1:04d}"
    name = f"{material} {kind.noun}, {colour}"
    price = (kind.cheapest + (kind.dearest - kind.cheapest) * random.randrange(100) / 100).quantize(Decimal(1))
    made = _moment(random)
    product = Product(
        sku=sku,
        name=name,
        description=" ".join(random.sample(vocabulary.SENTENCES, random.randint(2, 4))),
        category=categories[kind.category],
        price=price - random.choice([Decimal("0.10"), Decimal("0.05"), Decimal("0.50"), Decimal(0)]),
        is_for_sale=index % 50 != 49,
        search_text=searchable(name, sku),
        created_at=made,
        updated_at=made + timedelta(days=random.randrange(30)) if made < END - timedelta(days=30) else made,
    )
    return product, [material.lower().replace(" ", "-"), *random.sample(vocabulary.QUALITIES, random.randint(0, 3))]


def _give_picture(product: Product, index: int) -> None:
    name = f"products/{product.sku.lower()}.png"
    default_storage.delete(name)
    content = pictures.draw(vocabulary.COLOURS[product.name.rsplit(", ", 1)[1]], index)
    product.image = default_storage.save(name, ContentFile(content))


def _tag(products: list[Product], tags: list[list[str]]) -> None:
    known = {slug: Tag.objects.create(slug=slug) for slug in sorted({slug for slugs in tags for slug in slugs})}
    through = Product.tags.through
    through.objects.bulk_create(
        through(product_id=product.pk, tag_id=known[slug].pk)
        for product, slugs in zip(products, tags, strict=True)
        for slug in sorted(slugs)
    )


def _level(random: Random, product: Product) -> StockLevel:
    on_hand = 0 if random.random() < 0.06 else random.randint(1, 250)
    return StockLevel(product=product, on_hand=on_hand, created_at=product.created_at, updated_at=END)


def _make_users(random: Random, count: int) -> list[User]:
    """The customers; those without a known password cannot log in, as if they had come by telephone."""
    admin = _user(random, "admin", "Ingrid", "Holm", make_password("admin-pass"))
    admin.is_staff = admin.is_superuser = True
    known = [_user(random, name, first, last, make_password(f"{name}-pass")) for name, first, last in KNOWN_CUSTOMERS]
    others = []
    for index in range(max(count - len(known), 0)):
        first, last = random.choice(vocabulary.FIRST_NAMES), random.choice(vocabulary.LAST_NAMES)
        others.append(_user(random, f"customer{index + 1:04d}", first, last, f"!{index}"))
    return User.objects.bulk_create([*known, *others, admin])[:-1]


def _user(random: Random, username: str, first: str, last: str, password: str) -> User:
    joined = _moment(random)
    return User(
        public_id=_id(random, joined),
        username=username,
        first_name=first,
        last_name=last,
        email=f"{username}@example.com",
        password=password,
        date_joined=joined,
    )


def _make_orders(random: Random, count: int, customers: list[User], products: list[Product]) -> None:
    # Customers differ: the known ones order often, some of the others never.
    weights = [12.0] * len(KNOWN_CUSTOMERS) + [random.paretovariate(1.2) for _ in customers[len(KNOWN_CUSTOMERS) :]]
    buyers = random.choices(customers, weights, k=count)
    moments = sorted(_moment(random) for _ in range(count))
    orders, baskets = [], []
    for buyer, moment in zip(buyers, moments, strict=True):
        basket = {product: random.choices([1, 2, 3, 4], [60, 25, 10, 5])[0] for product in _choice(random, products)}
        orders.append(_order(random, buyer, moment, basket))
        baskets.append(basket)
    orders = Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=product,
            sku=product.sku,
            name=product.name,
            quantity=quantity,
            unit_price=product.price,
        )
        for order, basket in zip(orders, baskets, strict=True)
        for product, quantity in basket.items()
    )
    StatusChange.objects.bulk_create(change for order in orders for change in _changes(order))
    Payment.objects.bulk_create(_payment(random, order) for order in orders)
    reservations = Reservation.objects.bulk_create(_reservation(random, order) for order in orders)
    ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, product=product, quantity=quantity)
        for reservation, basket in zip(reservations, baskets, strict=True)
        for product, quantity in basket.items()
    )


def _choice(random: Random, products: list[Product]) -> list[Product]:
    most = min(4, len(products))
    return sorted(random.sample(products, random.randint(1, most)), key=lambda product: product.sku)


def _order(random: Random, buyer: User, moment: datetime, basket: dict[Product, int]) -> Order:
    place = Random(buyer.username)  # noqa: S311 - a customer's address stays the same
    postcode, city, country = place.choice(vocabulary.CITIES)
    status, reason = _fate(random, END - moment)
    steps = {Order.Status.DELIVERED: 4, Order.Status.SHIPPED: 1, Order.Status.CANCELLED: 1}.get(status, 0)
    instant = reason == Order.Reason.PAYMENT_DECLINED or status == Order.Status.CONFIRMED
    return Order(
        public_id=_id(random, moment),
        customer=buyer,
        status=status,
        reason=reason,
        total=sum(product.price * quantity for product, quantity in basket.items()),
        ship_to=f"{buyer.first_name} {buyer.last_name}",
        street=f"{place.choice(vocabulary.STREETS)} {place.randint(1, 120)}",
        postcode=postcode,
        city=city,
        country=country,
        created_at=moment,
        updated_at=moment if instant else min(moment + timedelta(days=steps), END),
    )


def _fate(random: Random, age: timedelta) -> tuple[Order.Status, str]:
    chance = random.random()
    if chance < 0.04:
        return Order.Status.CANCELLED, Order.Reason.PAYMENT_DECLINED
    if chance < 0.09:
        return Order.Status.CANCELLED, Order.Reason.REQUESTED
    if age < timedelta(days=1):
        return Order.Status.CONFIRMED, ""
    return (Order.Status.SHIPPED if age < timedelta(days=4) else Order.Status.DELIVERED), ""


def _changes(order: Order) -> list[StatusChange]:
    """The way to the order's status, evenly spread over the time it took."""
    way = [Order.Status.PENDING]
    if order.status == Order.Status.CANCELLED:
        way += [] if order.reason == Order.Reason.PAYMENT_DECLINED else [Order.Status.CONFIRMED]
        way += [Order.Status.CANCELLED]
    while way[-1] != order.status:
        way.append(NEXT[way[-1]][0])
    took = order.updated_at - order.created_at
    return [
        StatusChange(order=order, status=status, at=order.created_at + took * step / (len(way) - 1))
        for step, status in enumerate(way)
    ]


def _payment(random: Random, order: Order) -> Payment:
    declined = order.reason == Order.Reason.PAYMENT_DECLINED
    done = Payment.Status.REFUNDED if order.status == Order.Status.CANCELLED else Payment.Status.CAPTURED
    return Payment(
        public_id=_id(random, order.created_at),
        order_id=order.public_id,
        customer=order.customer,
        status=Payment.Status.DECLINED if declined else done,
        amount=order.total,
        card_last4="0002" if declined else f"{random.randrange(1000, 9999):04d}",
        created_at=order.created_at,
        updated_at=order.updated_at if done == Payment.Status.REFUNDED else order.created_at,
    )


def _reservation(random: Random, order: Order) -> Reservation:
    cancelled = order.status == Order.Status.CANCELLED
    return Reservation(
        public_id=_id(random, order.created_at),
        order_id=order.public_id,
        customer=order.customer,
        status=Reservation.Status.RELEASED if cancelled else Reservation.Status.COMMITTED,
        created_at=order.created_at,
        updated_at=order.updated_at if cancelled else order.created_at,
    )


def _moment(random: Random) -> datetime:
    """A moment of the year before `END`, in whole milliseconds."""
    return START + timedelta(milliseconds=random.randrange(int((END - START) / timedelta(milliseconds=1))))


def _id(random: Random, moment: datetime):
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return uuid7_at(milliseconds * 1_000_000, random.getrandbits(62))
