"""What must be true of a shop's books when everything has come to rest, whatever happened before: pure functions over
what the processes answered. Every one returns its objections as sentences; none means that all is well.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SOLD = {"confirmed", "shipped", "delivered"}
FINAL = SOLD | {"cancelled"}


@dataclass(frozen=True)
class Account:
    """What the card processor says of one charge: `kept` is in cents, 0 when it declined or gave the money back."""

    order_id: str
    kept: int
    was_charged: bool


@dataclass(frozen=True)
class Books:
    """Everything, as the public API shows it: by id, and levels by SKU. `accounts` are those of the card processor."""

    orders: Mapping[str, Mapping[str, Any]]
    payments: Mapping[str, Mapping[str, Any]]
    reservations: Mapping[str, Mapping[str, Any]]
    levels: Mapping[str, Mapping[str, Any]]
    accounts: Sequence[Account] = field(default=())

    def since(self, before: "Books") -> "Books":
        """Without what was there before; levels and accounts whole."""
        return Books(
            _without(self.orders, before.orders),
            _without(self.payments, before.payments),
            _without(self.reservations, before.reservations),
            self.levels,
            self.accounts,
        )


@dataclass(frozen=True)
class Acknowledged:
    """What a customer was told under a key; `order_id` None when stock was short, and there is no order."""

    key: str
    order_id: str | None
    status: str | None = None


def find_problems(before: Books, after: Books, acknowledged: Collection[Acknowledged]) -> list[str]:
    """All that is wrong with what was written between the two, given what customers were told."""
    new = after.since(before)
    return [
        *check_orders(new, acknowledged),
        *check_stock(before, after),
        *check_reservations(new),
        *check_money(new),
    ]


def check_orders(new: Books, acknowledged: Collection[Acknowledged]) -> Iterator[str]:
    """Every order is final, and there is one for every answer that named one, and no other."""
    told = Counter(answer.order_id for answer in acknowledged if answer.order_id is not None)
    for answer in acknowledged:
        if answer.order_id is not None and answer.order_id not in new.orders:
            yield f"order {answer.order_id} was acknowledged and is not there"
        elif answer.order_id is not None and answer.status in ("confirmed", "cancelled"):
            status = new.orders[answer.order_id]["status"]
            if status != answer.status:
                yield f"order {answer.order_id} was told to be {answer.status} and is {status}"
    for order_id, order in new.orders.items():
        if order["status"] not in FINAL:
            yield f"order {order_id} is still {order['status']}"
        if told[order_id] != 1:
            yield f"order {order_id} was acknowledged {told[order_id]} times"


def check_stock(before: Books, after: Books) -> Iterator[str]:
    """What is on hand, and what went out with orders, is what was on hand; nothing is promised to nobody."""
    sold = Counter[str]()
    for order in after.since(before).orders.values():
        if order["status"] in SOLD:
            sold.update(_quantities(order))
    promised = Counter[str]()
    for reservation in after.reservations.values():
        if reservation["status"] == "held":
            promised.update(_quantities(reservation))
    for sku, level in after.levels.items():
        expected = before.levels[sku]["on_hand"] - sold[sku]
        if level["on_hand"] != expected:
            yield f"{sku}: {level['on_hand']} on hand; there were {before.levels[sku]['on_hand']}, {sold[sku]} are sold"
        if level["reserved"] != promised[sku]:
            yield f"{sku}: {level['reserved']} are reserved, {promised[sku]} of them by reservations"
        if level["on_hand"] < level["reserved"] or level["reserved"] < 0:
            yield f"{sku}: {level['on_hand']} on hand, {level['reserved']} reserved"


def check_reservations(new: Books) -> Iterator[str]:
    """A sold order has one committed reservation of just its goods; nobody else holds any."""
    of_order = _by_order(new.reservations.values())
    for order_id, order in new.orders.items():
        kept = [reservation for reservation in of_order.pop(order_id, []) if reservation["status"] != "released"]
        expected = [("committed", _quantities(order))] if order["status"] in SOLD else []
        found = [(reservation["status"], _quantities(reservation)) for reservation in kept]
        if order["status"] in FINAL and found != expected:
            yield f"{order['status']} order {order_id} has the reservations {found}"
    for order_id, reservations in of_order.items():
        if any(reservation["status"] != "released" for reservation in reservations):
            yield f"goods are kept for {order_id}, which is no order"


def check_money(new: Books) -> Iterator[str]:
    """A sold order has one captured payment over its total; of every other, no money is kept. The card processor
    keeps no more than that."""
    of_order = _by_order(new.payments.values())
    for order_id, order in new.orders.items():
        captured = [payment for payment in of_order.pop(order_id, []) if payment["status"] == "captured"]
        expected = [order["total"]] if order["status"] in SOLD else []
        if order["status"] in FINAL and [payment["amount"] for payment in captured] != expected:
            yield f"{order['status']} order {order_id} of {order['total']} has the payments {captured}"
    for order_id, payments in of_order.items():
        if any(payment["status"] == "captured" for payment in payments):
            yield f"money is kept for {order_id}, which is no order"
    yield from _check_accounts(new)


def _check_accounts(new: Books) -> Iterator[str]:
    kept = Counter[str]()
    for account in new.accounts:
        kept[account.order_id] += account.kept
    for order_id, cents in kept.items():
        order = new.orders.get(order_id)
        due = _cents(order["total"]) if order is not None and order["status"] in SOLD else 0
        if cents not in (0, due):
            yield f"the card processor keeps {cents} cents for {order_id}, due are {due}"


def check_charges(new: Books) -> Iterator[str]:
    """Every sold order's total was taken by the card processor, and no order was charged twice, not even for a moment:
    where nobody but the payments service charges. (Payments that move away in the middle of a charge give it back.)"""
    kept, charged = Counter[str](), Counter[str]()
    for account in new.accounts:
        kept[account.order_id] += account.kept
        charged[account.order_id] += account.was_charged
    for order_id, times in charged.items():
        if times > 1:
            yield f"the card processor charged {order_id} {times} times"
    for order_id, order in new.orders.items():
        if order["status"] in SOLD and kept[order_id] != _cents(order["total"]):
            yield f"order {order_id} of {order['total']} was sold for {kept[order_id]} cents"


def find_differences(one: Books, other: Books) -> list[str]:
    """Where the books of two sides differ, in what both show."""
    return [
        f"{name} {key}: {mine.get(key)} on one side, {theirs.get(key)} on the other"
        for name in ("orders", "payments", "reservations", "levels")
        for mine, theirs in [(getattr(one, name), getattr(other, name))]
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]


def _without(all_of_them: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in all_of_them.items() if key not in known}


def _quantities(thing: Mapping[str, Any]) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in thing["lines"]}


def _by_order(things: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for thing in things:
        found[thing["order_id"]].append(thing)
    return dict(found)


def _cents(money: Mapping[str, str]) -> int:
    return int(money["amount"].replace(".", ""))
