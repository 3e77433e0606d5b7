"""What a running demo says, told as a story of answers and of what the console reported."""

import sys
from pathlib import Path

from proxy.demo.moves import Seen
from proxy.demo.parts import Job, Parts
from proxy.demo.traffic import Sample
from proxy.demo.watch import Absences, Answered, told_by_console, told_by_visitors

FROM_MONOLITH = Sample("ann", "/api/stock/FIG-1", 200, "legacy")
FROM_SERVICE = Sample("ann", "/api/stock/FIG-1", 200, "service")
BROKEN = Sample("ann", "/api/stock/FIG-1", 0, "", "connection refused")


def test_answers_that_stay_as_they_were_are_not_told() -> None:
    assert list(told_by_visitors({}, [FROM_MONOLITH] * 3)) == []


def test_a_customer_who_is_answered_otherwise_than_another_is_not_told() -> None:
    other = Sample("gus", "/api/stock/FIG-1", 200, "service")
    assert list(told_by_visitors({}, [FROM_MONOLITH, other, FROM_MONOLITH, other])) == []


def test_a_path_that_changes_sides_is_told_once() -> None:
    told = list(told_by_visitors({}, [FROM_MONOLITH, FROM_SERVICE, FROM_SERVICE]))
    assert told == [
        ("ann: GET /api/stock/FIG-1: now 200 from the service (before: 200 from the monolith)", True),
    ]


def test_a_failure_and_its_end_are_told() -> None:
    answered: Answered = {}
    assert list(told_by_visitors(answered, [FROM_MONOLITH])) == []
    assert list(told_by_visitors(answered, [BROKEN])) == [
        ("ann: GET /api/stock/FIG-1: now no answer, connection refused (before: 200 from the monolith)", False)
    ]
    retired = Sample("ann", "/api/stock/FIG-1", 410, "")
    assert list(told_by_visitors(answered, [retired])) == [
        ("ann: GET /api/stock/FIG-1: now 410 from the proxy itself (before: no answer, connection refused)", False)
    ]


def test_a_refused_file_is_told_once_and_so_is_its_repair() -> None:
    good, bad = Seen("a", {}, None), Seen("a", {}, "routes.yaml:1:1: no")
    assert list(told_by_console(good, bad)) == [("refused: routes.yaml:1:1: no; revision a goes on serving", False)]
    assert list(told_by_console(bad, bad)) == []
    assert list(told_by_console(bad, good)) == [("the file is good again", True)]


def test_a_moved_route_is_told_with_its_revision() -> None:
    before, after = Seen("a", {"stock": "legacy"}, None), Seen("b", {"stock": "cutover"}, None)
    assert list(told_by_console(before, after)) == [("stock moved from legacy to cutover (revision b)", True)]


def test_a_member_that_ends_is_told_and_after_a_while_started_again(tmp_path: Path) -> None:
    with Parts(trusted_after_seconds=0) as parts:
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        first = parts.start(Job("the painter", sleeper, {}, tmp_path / "painter.log"))
        at_once, later = Absences(parts, away_seconds=0), Absences(parts, away_seconds=3600)
        assert list(at_once.look()) == []
        first.stop()
        ((ended, ended_well), (again, again_well)) = at_once.look()
        assert ended == "the painter ended (signal SIGTERM); in 0 s it is started again"
        second = parts.find("the painter")
        assert (again, ended_well, again_well) == (
            f"the painter is started again, as process {second.pid}",
            False,
            True,
        )
        assert second.pid != first.pid
        second.stop()
        assert [well for _, well in later.look()] == [False]
        assert list(later.look()) == []
