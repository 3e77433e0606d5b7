"""What came of an order to move: which routes went where, which stayed and why, what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.operations.gates import as_json as gates_as_json
from proxy.operations.orders import Order
from proxy.rollout.choice import Left
from proxy.rollout.ledger import place_as_json
from proxy.rollout.moves import Way
from proxy.rollout.ports import GateReading, Moved


@dataclass(slots=True)
class Result:
    """What came of an order, as it comes about."""

    revision: str
    ways: list[Way] = field(default_factory=list)  # made, or to be made
    left: list[Left] = field(default_factory=list)
    refused: list[Left] = field(default_factory=list)
    goes_on: list[Left] = field(default_factory=list)  # handovers that are under way still
    readings: dict[str, Sequence[GateReading]] = field(default_factory=dict)
    diffs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    override: bool = False

    def add(self, moved: Moved, ways: Sequence[Way]) -> None:
        self.revision = moved.revision
        self.ways += ways
        self.diffs += [moved.diff] if moved.diff else []
        self.notes += [*moved.notes, *(f"{each.route.name}: {each.note}" for each in ways if each.note)]
        self.override |= moved.override

    def as_json(self, order: Order) -> dict[str, Any]:
        """For programs, and for the command line to print."""
        return {
            "revision": self.revision,
            "verb": order.wish.verb.value,
            "dry_run": order.dry_run,
            "changed": bool(self.ways) and not order.dry_run,
            "override": self.override,
            "moves": [
                {
                    "route": each.route.name,
                    "from": place_as_json(each.before),
                    "to": place_as_json(each.after),
                    "by_handover": each.by_handover,
                }
                for each in self.ways
            ],
            "left": [{"route": each.route, "why": each.why} for each in self.left],
            "refused": [{"route": each.route, "why": each.why} for each in self.refused],
            "goes_on": [{"route": each.route, "why": each.why} for each in self.goes_on],
            "gates": self.gates(),
            "diff": "\n".join(self.diffs),
            "notes": self.notes,
        }

    def gates(self) -> dict[str, list[dict[str, Any]]]:
        return {name: [gates_as_json(each) for each in readings] for name, readings in self.readings.items()}
