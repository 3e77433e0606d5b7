"""Orders to move, carried out on a file and on ports that were told what to say."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from proxy.config.model import Stage
from proxy.operations.errors import Code, OperationError
from proxy.operations.moves import move
from proxy.operations.orders import Scope, read_order
from proxy.rollout import ledger
from proxy.rollout.ports import GateReading, MoveRefused, Outcome, Position, Unfinished
from tests.support.moving import FILE, Gates, Handing, Serving
from tests.support.routes_yaml import BASE

LEGACY = Position(Stage.LEGACY)
WRITES = (
    BASE.replace('8000" }', '8000", sync: { path: /sync, token: t } }').replace(
        '8101" }', '8101", sync: { path: /sync, token: t } }'
    )
    + """\
routes:
  - { name: read, match: GET /cart, to: orders, group: shop, stage: STAGE }
  - { name: write, match: POST /cart, to: orders, group: shop, stage: STAGE, writes: { entities: [cart] } }
"""
)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(tmp_path)


def writing(folder: Path, stage: str) -> Serving:
    return Serving(folder, WRITES.replace("STAGE", stage))


def do(serving: Serving, name: str, verb: str, scope: Scope = Scope.ROUTE, **body: Any) -> dict[str, Any]:
    return asyncio.run(move(serving, read_order(scope, name, verb, body, "operator")))


def failure(serving: Serving, name: str, verb: str, scope: Scope = Scope.ROUTE, **body: Any) -> OperationError:
    with pytest.raises(OperationError) as error:
        do(serving, name, verb, scope, **body)
    return error.value


def entries(serving: Serving) -> list[Mapping[str, Any]]:
    return list(ledger.read(serving.path.parent / ".strangler" / ledger.FILE, 100)[0])


def reading(outcome: Outcome, gate: str = "match_rate") -> GateReading:
    return GateReading(gate, outcome, ">= 99.9%", 0.992, samples=1200, why="8 of 1,000 differ")


def test_an_order_says_what_moved_and_what_changed(serving: Serving) -> None:
    found = do(serving, "cart", "promote", to="cutover", because="it is time", who="ann")
    assert found["moves"] == [
        {"route": "cart", "from": {"stage": "shadow"}, "to": {"stage": "cutover"}, "by_handover": False}
    ]
    assert (found["changed"], found["override"], found["left"], found["refused"]) == (True, False, [], [])
    assert found["revision"] == serving.active.snapshot.revision
    assert "+    stage: cutover   # since spring" in found["diff"]
    assert (entries(serving)[0]["who"], entries(serving)[0]["why"]) == ("operator (ann)", "it is time")


def test_what_stands_there_already_is_no_failure(serving: Serving) -> None:
    found = do(serving, "pages", "rollback")
    assert (found["changed"], found["moves"]) == (False, [])
    assert found["left"] == [{"route": "pages", "why": "is at legacy already"}]
    assert entries(serving) == []


def test_a_dry_run_shows_the_diff_and_changes_nothing(serving: Serving) -> None:
    found = do(serving, "cart", "promote", dry_run=True)
    assert "+    stage: canary   # since spring" in found["diff"]
    assert (found["changed"], found["dry_run"], len(found["moves"])) == (False, True, 1)
    assert serving.path.read_text() == FILE


def test_another_revision_than_the_one_that_serves_is_refused(serving: Serving) -> None:
    refused = failure(serving, "cart", "promote", revision="old")
    assert (refused.code, refused.data) == (Code.REFUSED, {"revision": serving.active.snapshot.revision})
    assert do(serving, "cart", "promote", revision=serving.active.snapshot.revision)["changed"]


def test_a_name_that_is_not_there_is_a_mistake_and_an_impossible_move_a_refusal(serving: Serving) -> None:
    assert failure(serving, "card", "promote").code is Code.INVALID
    assert failure(serving, "shops", "promote", Scope.GROUP).code is Code.INVALID
    refused = failure(serving, "stock", "promote")
    assert (refused.code, refused.message) == (
        Code.REFUSED,
        'route "stock": nothing comes after cutover by a promotion (strangler retire stock)',
    )


# Gates


@pytest.mark.parametrize("outcome", [Outcome.BREACH, Outcome.WAIT, Outcome.UNMEASURED])
def test_a_gate_that_is_not_met_holds_a_promotion_back(serving: Serving, outcome: Outcome) -> None:
    serving.gatekeeper = Gates({"cart": [reading(Outcome.PASS, "samples"), reading(outcome)]})
    refused = failure(serving, "cart", "promote")
    assert refused.code is Code.NOT_MET
    assert refused.details[1] == f"cart  match_rate  99.2%  must be >= 99.9%  {outcome}: 8 of 1,000 differ"
    assert [each["outcome"] for each in refused.data["gates"]["cart"]] == ["pass", outcome]
    assert serving.path.read_text() == FILE
    assert entries(serving) == []


def test_with_all_gates_met_it_goes_and_the_ledger_has_what_was_measured(serving: Serving) -> None:
    serving.gatekeeper = Gates({"cart": [reading(Outcome.PASS)]})
    found = do(serving, "cart", "promote")
    assert found["gates"]["cart"][0]["value"] == 0.992
    assert entries(serving)[0]["evidence"] == {"gates": found["gates"]["cart"]}


def test_who_insists_goes_anyway_and_the_ledger_says_so(serving: Serving) -> None:
    serving.gatekeeper = Gates({"cart": [reading(Outcome.BREACH)]})
    do(serving, "cart", "promote", force=True, because="the difference is meant")
    (entry,) = entries(serving)
    assert entry["evidence"]["forced"] is True
    assert entry["evidence"]["gates"][0]["outcome"] == "breach"
    assert entry["why"] == "the difference is meant"


def test_gates_are_asked_only_where_the_service_is_to_answer_more(serving: Serving) -> None:
    serving.gatekeeper = gates = Gates({})
    do(serving, "pages", "promote")
    do(serving, "stock", "rollback")
    do(serving, "cart", "shadow")
    assert gates.asked == []
    do(serving, "pages", "promote", to="cutover")
    assert gates.asked == ["pages"]


def test_without_anybody_who_measures_it_is_said_that_nothing_was_measured(serving: Serving) -> None:
    assert do(serving, "cart", "promote")["notes"] == ["no gate was asked: nothing measures here"]


def test_one_route_of_a_group_that_is_held_back_holds_back_all(tmp_path: Path) -> None:
    text = BASE + "routes:\n" + "".join(
        f"  - {{ name: {name}, match: GET /{name}, to: orders, stage: shadow, group: g }}\n" for name in "ab"
    )  # fmt: skip
    serving = Serving(tmp_path, text)
    serving.gatekeeper = Gates({"a": [reading(Outcome.PASS)], "b": [reading(Outcome.WAIT)]})
    refused = failure(serving, "g", "promote", Scope.GROUP)
    assert refused.message.startswith("b: not every gate is met")
    assert serving.path.read_text() == text


# Groups and everything


def test_a_group_moves_those_at_one_stage_and_lists_the_rest(serving: Serving) -> None:
    found = do(serving, "shop", "promote", Scope.GROUP)
    assert [each["route"] for each in found["moves"]] == ["pages"]
    assert found["left"] == [{"route": "stock", "why": "stands at cutover"}]
    assert entries(serving)[0]["evidence"] == {"groups": "shop"}


def test_everything_comes_back_at_once(serving: Serving) -> None:
    found = do(serving, "", "rollback", Scope.ALL, because="an incident")
    assert [each["route"] for each in found["moves"]] == ["cart", "stock"]
    assert {serving.place(name) for name in ("cart", "stock", "pages")} == {LEGACY}
    assert [each["evidence"] for each in entries(serving)] == [{"all": "all"}] * 2
    assert do(serving, "", "rollback", Scope.ALL)["changed"] is False


# Writes


def test_streams_of_what_came_back_are_closed_when_somebody_says_now(serving: Serving) -> None:
    do(serving, "stock", "rollback")
    do(serving, "cart", "rollback", now=True, dry_run=True)
    assert serving.closed_left == []
    do(serving, "cart", "rollback", now=True)
    assert serving.closed_left == ["cart"]


@pytest.mark.parametrize(("stage", "verb", "to"), [("legacy", "promote", "cutover"), ("cutover", "rollback", "legacy")])
def test_a_route_that_writes_is_handed_over(tmp_path: Path, stage: str, verb: str, to: str) -> None:
    serving = writing(tmp_path, stage)
    serving.handovers = Handing()
    found = do(serving, "write", verb, because="now", who="ann")
    assert serving.handovers.asked == [(["write"], Stage(to), "operator (ann)", "now")]
    assert found["moves"][0]["by_handover"] is True
    assert (found["revision"], found["diff"]) == ("handed-over", "-old\n+new")
    assert "STAGE" not in serving.path.read_text(), "the handover writes the file, nobody else"
    assert serving.place("write") == Position(Stage(stage))


def test_what_gates_said_goes_along_with_a_handover(tmp_path: Path) -> None:
    both = "shadow: { allow_writes: true }, writes:"
    text = WRITES.replace("STAGE", "shadow").replace("writes:", both)
    serving = Serving(tmp_path, text.replace('8101", sync', '8101", sandboxed: true, sync'))
    serving.gatekeeper, serving.handovers = Gates({"write": [reading(Outcome.PASS)]}), Handing()
    do(serving, "write", "promote")
    assert [each["gate"] for each in serving.handovers.evidence["write"]["gates"]] == ["match_rate"]


def test_without_anybody_who_hands_over_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    refused = failure(writing(tmp_path, "legacy"), "write", "promote")
    assert refused.code is Code.REFUSED
    assert "what write writes goes to cutover by a handover" in refused.message
    assert "let strangler serve run" in refused.message


def test_what_a_handover_moves_nobody_else_does(tmp_path: Path) -> None:
    serving = writing(tmp_path, "cutover")
    serving.handovers = handing = Handing(busy=frozenset({"write"}))
    refused = failure(serving, "write", "rollback")
    assert "a handover of it is under way" in refused.message
    found = do(serving, "", "rollback", Scope.ALL)
    assert [each["route"] for each in found["moves"]] == ["read"]
    assert [each["route"] for each in found["refused"]] == ["write"]
    assert handing.asked == []


THREE_CIRCLES = (
    BASE.replace('8000" }', '8000", sync: { path: /sync, token: t } }').replace(
        '8101" }', '8101", sync: { path: /sync, token: t } }'
    )
    + """\
routes:
  - { name: write, match: POST /cart, to: orders, stage: cutover, writes: { entities: [cart] } }
  - { name: item, match: PUT /item, to: orders, stage: cutover, writes: { entities: [cart, item] } }
  - { name: pay, match: POST /pay, to: orders, stage: cutover, writes: { entities: [payment] } }
  - { name: note, match: POST /note, to: orders, stage: cutover, writes: { entities: [note] } }
"""
)


def test_what_is_written_apart_comes_back_apart_and_no_refusal_blocks_another(tmp_path: Path) -> None:
    serving = Serving(tmp_path, THREE_CIRCLES)
    serving.handovers = handing = Handing(refusals={"pay": MoveRefused("payments are not in step")})
    found = do(serving, "", "rollback", Scope.ALL)
    assert [names for names, *_ in handing.asked] == [["write", "item"], ["pay"], ["note"]]
    assert [each["route"] for each in found["moves"]] == ["write", "item", "note"]
    assert found["refused"] == [{"route": "pay", "why": "payments are not in step"}]


def test_when_all_are_refused_each_reason_is_said(tmp_path: Path) -> None:
    serving = Serving(tmp_path, THREE_CIRCLES)
    serving.handovers = Handing(refusals={name: MoveRefused(f"no {name}") for name in ("item", "pay", "note")})
    refused = failure(serving, "", "rollback", Scope.ALL)
    assert (refused.code, refused.message) == (Code.REFUSED, "no item; no pay; no note")


@pytest.mark.parametrize("dry_run", [True, False])
def test_routes_that_move_along_are_named(tmp_path: Path, dry_run: bool) -> None:
    serving = Serving(tmp_path, THREE_CIRCLES)
    serving.handovers = Handing()
    found = do(serving, "item", "rollback", dry_run=dry_run)
    assert [each["route"] for each in found["moves"]] == ["item", "write"]
    assert all(each["by_handover"] for each in found["moves"])


def test_a_handover_that_goes_on_is_no_refusal(tmp_path: Path) -> None:
    serving = Serving(tmp_path, THREE_CIRCLES)
    serving.handovers = Handing(Unfinished("the handover is drained: orders does not answer"))
    found = do(serving, "write", "rollback")
    why = "the handover is drained: orders does not answer"
    assert found["goes_on"] == [{"route": "write", "why": why}, {"route": "item", "why": why}]
    assert (found["refused"], found["moves"], found["changed"]) == ([], [], False)


def test_whoever_insists_goes_back_also_behind_a_point_of_no_return(tmp_path: Path) -> None:
    text = WRITES.replace("STAGE", "cutover").replace("entities: [cart]", "entities: [cart], point_of_no_return: true")
    serving = Serving(tmp_path, text)
    serving.handovers = handing = Handing()
    do(serving, "write", "rollback", force=True, because="nothing was shipped yet")
    assert handing.forced
    assert handing.evidence == {"write": {"forced": True}}


def test_a_handover_that_fails_is_a_refusal(tmp_path: Path) -> None:
    serving = writing(tmp_path, "legacy")
    serving.handovers = Handing(MoveRefused("the service does not answer", "start it"))
    assert failure(serving, "write", "promote").message == "the service does not answer (start it)"


@pytest.mark.parametrize(("scope", "name"), [(Scope.GROUP, "shop"), (Scope.ALL, "")])
def test_reads_come_back_also_when_what_is_written_cannot(tmp_path: Path, scope: Scope, name: str) -> None:
    serving = writing(tmp_path, "cutover")
    serving.handovers = Handing(MoveRefused("the monolith does not answer"))
    found = do(serving, name, "rollback", scope)
    assert [each["route"] for each in found["moves"]] == ["read"]
    assert found["refused"] == [{"route": "write", "why": "the monolith does not answer"}]
    assert (serving.place("read"), serving.place("write")) == (LEGACY, Position(Stage.CUTOVER))


def test_what_is_past_its_point_of_no_return_stays_and_the_rest_comes_back(tmp_path: Path) -> None:
    text = WRITES.replace("STAGE", "cutover").replace("entities: [cart]", "entities: [cart], point_of_no_return: true")
    serving = Serving(tmp_path, text)
    serving.handovers = handing = Handing()
    found = do(serving, "", "rollback", Scope.ALL)
    assert [each["route"] for each in found["moves"]] == ["read"]
    assert "past its point of no return (what remains:" in found["refused"][0]["why"]
    assert handing.asked == []
    assert failure(serving, "write", "rollback").code is Code.REFUSED
    do(serving, "write", "rollback", force=True, because="it must")
    assert len(handing.asked) == 1


def test_a_dry_run_hands_nothing_over(tmp_path: Path) -> None:
    serving = writing(tmp_path, "cutover")
    serving.handovers = handing = Handing()
    found = do(serving, "shop", "rollback", Scope.GROUP, dry_run=True)
    assert [each["route"] for each in found["moves"]] == ["read", "write"]
    told = "strangler handover write --route --back --dry-run tells what moves with it"
    assert found["notes"] == [f"write: by a handover; {told}"]
    added = [line for line in found["diff"].splitlines() if line.startswith("+  ")]
    assert ["name: read" in line for line in added] == [True]
    assert (handing.asked, serving.path.read_text()) == ([], WRITES.replace("STAGE", "cutover"))


def test_a_dry_run_of_a_route_that_moves_with_others_finds_no_fault_in_it_alone(tmp_path: Path) -> None:
    second = "  - { name: pay, match: POST /pay, to: orders, writes: { entities: [cart] } }\n"
    serving = Serving(tmp_path, WRITES.replace("STAGE", "legacy") + second)
    found = do(serving, "write", "promote", to="cutover", dry_run=True)
    assert [(each["route"], each["by_handover"]) for each in found["moves"]] == [("write", True), ("pay", True)]
    assert found["diff"] == ""
    assert "strangler handover write --route --dry-run tells what moves with it" in found["notes"][0]


# Retired, paused, resumed


def test_a_retired_route_says_where_to_go(serving: Serving) -> None:
    do(serving, "stock", "retire", see="/new", sunset="2027-01-31", deprecated="2026-09-01")
    assert "respond: { see: /new, deprecated: 2026-09-01, sunset: 2027-01-31 }" in serving.path.read_text()
    found = do(serving, "stock", "retire", see="/newer")
    assert found["changed"]
    assert "see: /newer," in serving.path.read_text()


def test_a_canary_is_paused_and_resumed(serving: Serving) -> None:
    do(serving, "cart", "promote")
    do(serving, "cart", "pause")
    assert serving.place("cart").paused
    assert "canary: { weight: 1%, paused: true }" in serving.path.read_text()
    do(serving, "cart", "resume")
    assert not serving.place("cart").paused


def test_resume_ends_what_holds_beside_the_file(serving: Serving) -> None:
    serving.path.write_text("routes: [")
    do(serving, "stock", "rollback")
    serving.path.write_text(FILE)
    assert serving.place("stock") == LEGACY
    found = do(serving, "stock", "resume")
    assert found["moves"][0]["to"] == {"stage": "cutover"}
    assert (serving.file.overrides, found["diff"]) == ((), "")
