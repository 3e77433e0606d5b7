"""Two sides that follow the rules, under random writes, moves of ownership, delays, duplicates and backfills."""

from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extracted_services.contracts.envelope import Event
from extracted_services.contracts.takeover import Decision, Local, decide
from extracted_services.contracts.tests.examples import CUSTOMER, ID, MONEY, TIME, make_event

SIDES = ("legacy", "service")
NAMES = tuple(f"{ID[:-1]}{digit}" for digit in range(3))
PAYMENTS = st.sampled_from(NAMES)


class Side:
    """A database in memory that does what decide() says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[str, Local] = {}
        self.written: dict[str, list[Event]] = defaultdict(list)  # its events by aggregate, oldest first
        self.delivered: dict[str, int] = defaultdict(int)  # how many of these the other side has seen
        self.conflicts: list[Event] = []

    def write(self, name: str, note: str) -> None:
        version = self.rows[name].version + 1 if name in self.rows else 1
        data: dict[str, Any] = {
            "payment": {
                "id": name,
                "order_id": ID,
                "customer": CUSTOMER,
                "status": "captured",
                "amount": MONEY,
                "card_last4": "4242",
                "created_at": TIME,
                "updated_at": TIME,
                "note": note,
            }
        }
        self.rows[name] = Local(version, self.rows[name].peer_version if name in self.rows else 0, data)
        self.written[name].append(self._tell(name, position=1))

    def state(self, name: str) -> tuple[int, Any] | None:
        return (self.rows[name].version, self.rows[name].data) if name in self.rows else None

    def snapshot(self, name: str) -> Event:
        return self._tell(name, position=None)

    def take(self, event: Event) -> None:
        local, version = self.rows.get(event.aggregate_id), event.aggregate_version
        match decide(event, local), local:
            case Decision.TAKE, _:
                self.rows[event.aggregate_id] = Local(version, version, event.data)
            case Decision.AGREE, Local():
                self.rows[event.aggregate_id] = Local(local.version, version, local.data)
            case Decision.CONFLICT, _:
                self.conflicts.append(event)

    def _tell(self, name: str, position: int | None) -> Event:
        row = self.rows[name]
        return make_event(
            "PaymentCompleted",
            aggregate_id=name,
            aggregate_version=row.version,
            origin=self.name,
            position=position,
            data=row.data,
        )


class TwoSides(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sides = {name: Side(name) for name in SIDES}
        self.owner = "legacy"
        self.snapshots: list[Event] = []
        self.notes = 0

    def other(self, name: str) -> Side:
        return self.sides["service" if name == "legacy" else "legacy"]

    def deliver_next(self, sender: str, name: str) -> None:
        side = self.sides[sender]
        if side.delivered[name] < len(side.written[name]):
            self.other(sender).take(side.written[name][side.delivered[name]])
            side.delivered[name] += 1

    def deliver_all(self, sender: str) -> None:
        for name in NAMES:
            while self.sides[sender].delivered[name] < len(self.sides[sender].written[name]):
                self.deliver_next(sender, name)

    @rule(name=PAYMENTS)
    def the_owner_writes(self, name: str) -> None:
        self.notes += 1
        self.sides[self.owner].write(name, str(self.notes))

    @rule(sender=st.sampled_from(SIDES), name=PAYMENTS)
    def an_event_arrives(self, sender: str, name: str) -> None:
        self.deliver_next(sender, name)

    @rule(sender=st.sampled_from(SIDES), name=PAYMENTS, back=st.integers(1, 3))
    def events_arrive_again(self, sender: str, name: str, back: int) -> None:
        side = self.sides[sender]
        for event in side.written[name][max(0, side.delivered[name] - back) : side.delivered[name]]:
            self.other(sender).take(event)

    @rule()
    def ownership_moves(self) -> None:
        self.deliver_all(self.owner)
        self.owner = self.other(self.owner).name

    @rule(name=PAYMENTS)
    def a_backfill_reads(self, name: str) -> None:
        if name in self.sides["legacy"].rows:
            self.snapshots.append(self.sides["legacy"].snapshot(name))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def a_backfill_arrives_late(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.snapshots) - 1))
        self.sides["service"].take(self.snapshots.pop(index))

    @invariant()
    def nobody_sees_a_conflict(self) -> None:
        assert not any(side.conflicts for side in self.sides.values())

    def teardown(self) -> None:
        for sender in SIDES:
            self.deliver_all(sender)
        legacy, service = self.sides.values()
        assert {name: legacy.state(name) for name in NAMES} == {name: service.state(name) for name in NAMES}


class TwoWriters(TwoSides):
    """The same, but somebody writes what the other side owns."""

    def __init__(self) -> None:
        super().__init__()
        self.trespassed: set[str] = set()

    @rule(name=PAYMENTS)
    def the_other_side_writes_too(self, name: str) -> None:
        self.notes += 1
        self.other(self.owner).write(name, str(self.notes))
        self.trespassed.add(name)

    @invariant()
    def nobody_sees_a_conflict(self) -> None:
        found = {event.aggregate_id for side in self.sides.values() for event in side.conflicts}
        assert found <= self.trespassed

    def teardown(self) -> None:
        for sender in SIDES:
            self.deliver_all(sender)
        legacy, service = self.sides["legacy"], self.sides["service"]
        found = {event.aggregate_id for side in (legacy, service) for event in side.conflicts}
        differing = {name for name in NAMES if legacy.state(name) != service.state(name)}
        assert differing <= found  # a difference that nobody was told of


TestTwoSides = TwoSides.TestCase
TestTwoSides.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTwoWriters = TwoWriters.TestCase
TestTwoWriters.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
