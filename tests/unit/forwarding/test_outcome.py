"""The closed set of ends, and what each means to the client (RFC 9110 section 15)."""

from proxy.forwarding.outcome import STATUS, UPSTREAM_BLAMED, Outcome


def test_every_failure_has_a_status():
    assert set(STATUS) == set(Outcome) - {Outcome.ANSWERED}


def test_gateway_errors_blame_the_upstream_and_no_others_do():
    for outcome, status in STATUS.items():
        assert (outcome in UPSTREAM_BLAMED) is (status in (502, 504))


def test_what_took_too_long_is_a_504_if_the_upstream_did():
    assert {one for one, status in STATUS.items() if status == 504} == {
        Outcome.CONNECT_TIMEOUT, Outcome.RESPONSE_TIMEOUT, Outcome.IDLE_TIMEOUT,
        Outcome.TOTAL_TIMEOUT,
    }  # fmt: skip
