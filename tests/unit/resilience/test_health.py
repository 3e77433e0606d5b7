"""Ejection by users' requests, verdicts by probes, and who may be asked at all."""

from typing import Any

import pytest

from proxy.resilience.endpoint import Endpoint
from proxy.resilience.health import Ejector, EjectSettings, HealthSettings, Probing, Verdict, candidates

SETTINGS = EjectSettings(after=3, base=5.0, max_share=0.5)


def endpoints(count: int, now: float = 100.0) -> list[Endpoint]:
    return [Endpoint(f"http://{number}", now) for number in range(count)]


def tries(ejector: Ejector, endpoint: Endpoint, outcomes: str, now: float) -> list[bool]:
    """Whether each failure (`x`) ejected it."""
    ejected = []
    for outcome in outcomes:
        endpoint.begin()
        endpoint.end(outcome == "x", now)
        if outcome == "x":
            ejected.append(ejector.judge(endpoint, now))
    return ejected


def pair(settings: EjectSettings = SETTINGS) -> tuple[Ejector, Endpoint, Endpoint]:
    one, other = endpoints(2)
    return Ejector(settings, [one, other]), one, other


# ejection


def test_it_is_out_after_so_many_failures_in_a_row() -> None:
    ejector, one, _ = pair()
    assert tries(ejector, one, "xx.xxx", 100.0) == [False, False, False, False, True]
    assert [one.usable(at) for at in (100.0, 104.9, 105.0)] == [False, False, True]
    assert one.ejected_total == 1


def test_failures_while_it_is_out_neither_prolong_it_nor_count_when_it_is_back() -> None:
    ejector, one, _ = pair()
    tries(ejector, one, "xxx", 100.0)
    assert tries(ejector, one, "xxxxxx", 101.0) == [False] * 6
    assert one.out_until == 105.0
    assert tries(ejector, one, "xxx", 105.0) == [False, False, True]


def test_each_time_in_a_row_it_is_out_for_longer_up_to_five_minutes() -> None:
    ejector, one, _ = pair(EjectSettings(after=3, base=100.0))
    now, times = 100.0, []
    for _ in range(5):
        tries(ejector, one, "xxx", now)
        times.append(one.out_until - now)
        now = one.out_until
    assert times == [100.0, 200.0, 300.0, 300.0, 300.0]


@pytest.mark.parametrize(("in_service", "seconds"), [(0.0, 20.0), (4.9, 20.0), (5.0, 15.0), (10.0, 10.0), (99.0, 5.0)])
def test_time_in_service_takes_ejections_back(in_service: float, seconds: float) -> None:
    ejector, one, _ = pair()
    for _ in range(3):
        tries(ejector, one, "xxx", one.out_until)
    now = one.out_until + in_service
    tries(ejector, one, "xxx", now)
    assert one.out_until == pytest.approx(now + seconds)


@pytest.mark.parametrize(
    ("count", "share", "most"),
    [(1, 0.5, 0), (2, 0.5, 1), (3, 0.5, 1), (4, 0.5, 2), (10, 0.3, 3), (2, 1.0, 2), (4, 0, 0)],
)
def test_never_more_than_a_share_is_out(count: int, share: float, most: int) -> None:
    found = endpoints(count)
    ejector = Ejector(EjectSettings(after=3, max_share=share), found)
    for endpoint in found:
        tries(ejector, endpoint, "xxxxx", 100.0)
    assert sum(not endpoint.usable(100.0) for endpoint in found) == most


def test_one_that_could_not_be_ejected_is_when_there_is_room_and_it_fails_again() -> None:
    ejector, one, other = pair()
    tries(ejector, one, "xxx", 100.0)
    assert tries(ejector, other, "xxx", 103.0) == [False, False, False]
    assert tries(ejector, other, "x", 105.0) == [True]


def test_one_that_comes_back_starts_slowly() -> None:
    ejector, one, _ = pair()
    tries(ejector, one, "xxx", 100.0)
    assert [one.weight(at, 10.0) for at in (105.0, 110.0, 115.0)] == [0.1, 0.5, 1.0]


@pytest.mark.parametrize("settings", [{"after": 0}, {"base": 0.0}, {"max_share": 1.1}])
def test_settings_of_ejection_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="after is at least 1"):
        EjectSettings(**settings)


# probes

PROBED = HealthSettings(every=10.0, rise=2, fall=3)


def turns(probing: Probing, outcomes: str) -> str:
    """The verdict's first letter after each probe; `x` fails."""
    found = []
    for second, outcome in enumerate(outcomes):
        probing.record("refused" if outcome == "x" else None, 100.0 + second)
        found.append(probing.verdict.value[:2])
    return " ".join(found)


@pytest.mark.parametrize(
    ("outcomes", "verdicts"),
    [
        ("..", "un he"),
        ("xxx", "un un un"),  # unknown, unknown, unhealthy
        ("..xx.xxx", "un he he he he he he un"),
        (".x..", "un un un he"),
        ("xxx.x..", "un un un un un un he"),
    ],
)
def test_the_verdict_turns_after_so_many_in_a_row(outcomes: str, verdicts: str) -> None:
    assert turns(Probing(PROBED, 100.0), outcomes) == verdicts


@pytest.mark.parametrize(("outcomes", "verdict"), [("xx", "unknown"), ("xxx", "unhealthy"), ("xxx.", "unhealthy")])
def test_it_is_usable_unless_it_is_known_to_be_unhealthy(outcomes: str, verdict: str) -> None:
    probing = Probing(PROBED, 100.0)
    turns(probing, outcomes)
    assert (probing.verdict, probing.usable) == (verdict, verdict != "unhealthy")


def test_recording_tells_when_the_verdict_has_turned() -> None:
    probing = Probing(PROBED, 100.0)
    assert [probing.record("status 500", 100.0 + second) for second in range(5)] == [False, False, True, False, False]
    assert (probing.since, probing.reason) == (102.0, "status 500")
    assert [probing.record(None, 110.0 + second) for second in range(3)] == [False, True, False]
    assert (probing.since, probing.reason, probing.verdict) == (111.0, None, Verdict.HEALTHY)


def test_the_reason_is_told_while_it_matters() -> None:
    probing = Probing(PROBED, 100.0)
    reasons = []
    for failure in ("refused", None, "refused", "refused", "no answer", None, None):
        probing.record(failure, 100.0)
        reasons.append(probing.reason)
    assert reasons == ["refused", None, "refused", "refused", "no answer", "no answer", None]


def test_the_first_probes_are_spread_over_the_interval_and_the_next_ones_jitter_by_a_tenth() -> None:
    probing = Probing(PROBED, 100.0)
    assert [probing.first_probe(100.0, draw) for draw in (0.0, 0.5)] == [100.0, 105.0]
    assert [probing.next_probe(100.0, draw) for draw in (0.0, 0.5, 1.0)] == pytest.approx([109.0, 110.0, 111.0])


def test_other_settings_keep_the_verdict() -> None:
    probing = Probing(PROBED, 100.0)
    turns(probing, "xxx")
    probing.reconfigure(HealthSettings(rise=1))
    assert not probing.usable
    assert turns(probing, ".") == "he"


@pytest.mark.parametrize(("status", "expected"), [(199, False), (200, True), (204, True), (399, True), (400, False)])
def test_a_probe_succeeds_with_an_expected_status(status: int, expected: bool) -> None:
    assert HealthSettings().expects(status) is expected


def test_several_ranges_may_be_expected() -> None:
    settings = HealthSettings(expect=((200, 200), (429, 429)))
    assert [settings.expects(status) for status in (200, 201, 429)] == [True, False, True]


@pytest.mark.parametrize("settings", [{"every": 0.0}, {"rise": 0}, {"fall": 0}])
def test_settings_of_probes_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rise and fall"):
        HealthSettings(**settings)


def test_a_verdict_describes_itself() -> None:
    probing = Probing(PROBED, 100.0)
    turns(probing, "xxx")
    assert probing.describe(105.0) == {"verdict": "unhealthy", "since_seconds": 3.0, "reason": "refused"}


# candidates


def asked(states: str, tried: str = "") -> str:
    """Which may be asked. `.` usable, `o` out, `u` unhealthy; all named by their place."""
    found = endpoints(len(states))
    for endpoint, state in zip(found, states, strict=True):
        endpoint.healthy = state != "u"
        endpoint.out_until = 200.0 if state == "o" else 0.0
    chosen = candidates(found, 100.0, [found[int(place)] for place in tried])
    return "".join(endpoint.name.removeprefix("http://") for endpoint in chosen)


@pytest.mark.parametrize(
    ("states", "tried", "found"),
    [
        ("", "", ""),
        (".", "", "0"),
        ("o", "", "0"),  # nothing else is there
        ("..", "", "01"),
        ("o.", "", "1"),
        (".u", "", "0"),
        ("ou", "", "01"),
        ("..ou", "", "01"),
        (".oou", "", "0123"),  # fewer than half: panic
        ("...", "0", "12"),
        ("...", "02", "1"),
        ("...", "012", "012"),  # all were tried
        ("..o", "0", "1"),
        ("..o", "01", "01"),  # rather again than one that is known to be bad
        (".oou", "0", "123"),
        ("o", "0", "0"),
    ],
)
def test_who_may_be_asked(states: str, tried: str, found: str) -> None:
    assert asked(states, tried) == found
