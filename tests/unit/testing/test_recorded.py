"""Tests from a capture: one for each route, one subtest for each exchange."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.comparison.capture_file import CaptureWriter
from proxy.wire.exchange import Exchange
from proxy.wire.redaction import Redactor
from tests.support.exchanges import a_request, an_exchange
from tests.unit.testing.conftest import Run

pytest_plugins = ["pytester"]

REPLAYED = """
    import pytest

    def test_recorded(both, recorded_exchange):
        answer = both.replay(recorded_exchange)
        answer.assert_same(ignore="$..token")
"""
ALLOW = "--strangler-allow-writes"


def captured(folder: Path, *exchanges: Exchange) -> str:
    path = folder / "capture.jsonl"
    writer = CaptureWriter(path, Redactor(), datetime(2026, 1, 1, tzinfo=UTC), pytest.fail)
    for exchange in exchanges:
        writer.write(exchange)
    writer.close()
    return str(path)


def read_of(target: str, route: str | None) -> Exchange:
    return an_exchange(a_request(target), route=route)


def test_every_route_is_a_test_and_every_exchange_a_subtest(run: Run) -> None:
    recorded = (read_of("/me", "me"), read_of("/prices", "prices"), read_of("/me?again=1", "me"), read_of("/x", None))
    capture = captured(run.pytester.path, *recorded)
    result = run(REPLAYED, "--strangler-capture", capture, "-v")
    assert result.parseoutcomes() == {"passed": 2, "failed": 2, "subtests": 3}
    result.stdout.fnmatch_lines_random(
        [
            "*::test_recorded[[]me[]] SUBPASSED[[]GET /me[?]again=1[]] (exchange=2)*",
            "*::test_recorded[[]prices[]] SUBFAILED[[]GET /prices[]] (exchange=1)*",
            "*::test_recorded[[]no route[]] SUBPASSED[[]GET /x[]] (exchange=1)*",
            "E*GET /prices: the two sides differ",
        ]
    )


def test_a_write_is_sent_only_where_that_is_allowed(run: Run) -> None:
    write = an_exchange(
        a_request("/orders", "POST", (("Content-Type", "application/json"),), b'{"lines": [7]}'), route="orders"
    )
    capture = captured(run.pytester.path, write)
    source = """
        def test_recorded(both, recorded_exchange):
            assert both.replay(recorded_exchange)["lines"] == [7]
        """
    assert run(source, "--strangler-capture", capture, "-v").parseoutcomes() == {"passed": 1, "skipped": 1}
    assert run.shops.asked == []
    assert run(source, "--strangler-capture", capture, ALLOW, "-v").parseoutcomes() == {"passed": 1, "subtests": 1}
    assert run.shops.asked == ["legacy POST /orders", "service POST /orders"]


def test_masked_credentials_are_those_of_the_test(run: Run) -> None:
    fields = (("Host", "shop.test"), ("Authorization", "Bearer secret-1"), ("Cookie", "session=secret-2"))
    capture = captured(run.pytester.path, an_exchange(a_request("/me", fields=fields), route="me"))
    source = """
        import pytest

        @pytest.fixture
        def token(both):
            yield both.post("/login")["access_token"]

        def test_by_cookie(both, token, recorded_exchange):
            assert both.replay(recorded_exchange).status_code == 200

        def test_by_token(both, token, recorded_exchange):
            both.legacy.cookies.clear()
            both.service.cookies.clear()
            assert both.replay(recorded_exchange).status_code == 401
            assert both.replay(recorded_exchange, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        """
    result = run(source, "--strangler-capture", capture, "-v")
    assert result.parseoutcomes() == {"passed": 2, "subtests": 2}


def test_a_test_about_one_route_gets_that_one(run: Run) -> None:
    capture = captured(run.pytester.path, read_of("/me", "me"), read_of("/prices", "prices"))
    source = """
        import pytest

        class TestThem:
            @pytest.mark.strangler(route="me")
            def test_me(self, recorded_exchange):
                assert recorded_exchange.route == "me"
        """
    result = run(source, "--strangler-capture", capture, "-v")
    assert result.parseoutcomes() == {"passed": 1, "subtests": 1}


def test_without_a_capture_such_a_test_is_skipped(run: Run) -> None:
    result = run(REPLAYED, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*no recording: --strangler-capture FILE names one"])


def test_a_capture_from_the_ini_file_lies_beside_it(run: Run) -> None:
    captured(run.pytester.path, read_of("/me", "me"))
    run.pytester.makeini("[pytest]\nstrangler_capture = capture.jsonl\n")
    assert run(REPLAYED, "-v").parseoutcomes() == {"passed": 1, "subtests": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "*capture.jsonl: no such file or directory"),
        ("", "*capture.jsonl:1: the file is empty*"),
        ("{}\n", "*capture.jsonl:1: *"),
    ],
)
def test_a_file_that_is_no_capture_is_told(run: Run, text: str | None, told: str) -> None:
    if text is not None:
        (run.pytester.path / "capture.jsonl").write_text(text, encoding="utf-8")
    result = run(REPLAYED, "--strangler-capture", "capture.jsonl")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_an_async_test_is_refused(run: Run) -> None:
    capture = captured(run.pytester.path, read_of("/me", "me"))
    result = run("async def test_it(recorded_exchange):\n    pass\n", "--strangler-capture", capture)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*an async test cannot be run once for each exchange"])
