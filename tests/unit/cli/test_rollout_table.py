"""Rollouts as a table."""

from io import StringIO
from typing import Any

from rich.console import Console

from proxy.cli.rollout_table import rollout_notes, rollout_table


def gate(name: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {"gate": name, "outcome": outcome, "limit": "<= 1%", "value": None, "legacy": None, "why": ""} | more


def rollout(*gates: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {
        "route": "products",
        "weight": 0.05,
        "next": 0.25,
        "since": "2026-11-22T12:00:07+00:00",
        "dry_run": False,
        "why": "held",
    }
    known |= {"doing": "hold", "steps": [0.05, 0.25], "paused": False}
    return {**known, "gates": list(gates), "notes": [], **more}


def printed(*rollouts: dict[str, Any]) -> list[str]:
    output, table = StringIO(), rollout_table(rollouts)
    assert table is not None
    Console(file=output, width=200).print(table)
    return [" ".join(line.split()) for line in output.getvalue().splitlines()[1:]]


def test_each_route_has_a_line_and_each_of_its_gates_one() -> None:
    found = rollout(
        gate("samples", "pass", value=900.0, limit=">= 500"),
        gate("error_rate", "breach", value=0.4, legacy=0.0123, why="40 of 100 answers failed"),
        gate("latency_p95", "wait", value=0.0147, legacy=0.012, limit="<= legacy * 1.2", why="few"),
        gate("match_rate", "unmeasured", limit=">= 99.9%", why="nothing is compared"),
        gate("checkout", "pass", value=2.5, limit="<= 5"),
    )
    assert printed(found) == [
        "products 5%, next 25% since 12:00:07 hold",
        "samples 900 >= 500 pass",
        "error_rate 40% (legacy 1.23%) <= 1% breach: 40 of 100 answers failed",
        "latency_p95 14.7ms (legacy 12ms) <= legacy * 1.2 wait: few",
        "match_rate - >= 99.9% unmeasured: nothing is compared",
        "checkout 2.5 <= 5 pass",
    ]


def test_a_dry_run_is_called_one() -> None:
    one = rollout(dry_run=True, next=None, since=None)
    assert printed(one) == ["products 5% hold"]
    known = {"leads": True, "lease": "", "file_failing": None}
    assert list(rollout_notes({**known, "rollouts": [one]})) == ["products: dry run: held"]


def test_routes_that_are_not_at_canary_have_no_line() -> None:
    assert rollout_table([rollout(weight=None)]) is None


def test_what_was_last_done_who_leads_and_what_cannot_be_written_is_noted() -> None:
    note = {"at": "12:00", "did": "rolled back", "why": "error_rate is broken"}
    found = {"leads": False, "lease": "another server leads", "file_failing": "no space left on device"}
    assert list(rollout_notes({**found, "rollouts": [rollout(), rollout(weight=None, notes=[note])]})) == [
        "rollouts: only watched: another server leads",
        "rollouts: what they come to cannot be written: no space left on device",
        "products: held",
        "products: rolled back at 12:00: error_rate is broken",
    ]
    assert list(rollout_notes({"leads": False, "lease": "", "file_failing": None, "rollouts": []})) == []
