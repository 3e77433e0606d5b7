"""Who writes what, as lines."""

from proxy.cli.ownership_lines import ownership_lines

ONE = {
    "owner": "service",
    "epoch": 3,
    "lag": {"legacy_to_service": 0, "service_to_legacy": 2},
    "conflicts": 1,
    "written_since_cutover": 7,
}


def test_an_entity_is_told_with_its_writer_and_what_is_not_well() -> None:
    (line,) = ownership_lines({"entities": {"order": ONE}, "running": [], "problem": None})
    assert line == (
        "order      is written by the services  (epoch 3, not heard yet: 2 service to legacy, 1 conflicts, "
        "7 events since it was handed over)"
    )


def test_what_is_under_way_is_told_with_what_it_waits_for() -> None:
    running = {"id": "order@4", "to": "cutover", "state": "drained", "waiting_for": "orders does not answer"}
    found = {"entities": {}, "running": [running], "problem": "orders does not answer"}
    assert list(ownership_lines(found)) == [
        "who writes what is not known: orders does not answer",
        "handover order@4 to cutover is drained, waits: orders does not answer",
    ]


def test_where_nothing_writes_nothing_is_told() -> None:
    assert list(ownership_lines({"entities": {}, "running": [], "problem": None})) == []
