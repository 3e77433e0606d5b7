"""Errors of our own as problem+json (RFC 9457 section 3)."""

import json

import pytest

from proxy.forwarding.outcome import STATUS
from proxy.wire.problem import REASONS, TITLES, problem


def test_a_problem_names_its_outcome_its_status_and_the_request():
    answer = problem(502, "connect_error", "abc123")
    assert (answer.status, answer.reason) == (502, "Bad Gateway")
    assert json.loads(answer.body) == {
        "type": "urn:strangler:connect_error",
        "title": "The upstream could not be reached",
        "status": 502,
        "request_id": "abc123",
    }
    assert b"Content-Type: application/problem+json" in answer.lines
    assert b"Cache-Control: no-store" in answer.lines


def test_a_detail_is_given_where_there_is_one():
    assert json.loads(problem(400, "bad_request", "x", "no Host").body)["detail"] == "no Host"
    assert "detail" not in json.loads(problem(400, "bad_request", "x", "").body)


@pytest.mark.parametrize(("status", "tells"), [(503, True), (500, False), (502, False), (504, False)])
def test_who_may_come_back_is_told_when(status, tells):
    names = [line.partition(b":")[0] for line in problem(status, "x", "id").lines]
    assert (b"Retry-After" in names) is tells


def test_a_method_that_is_not_allowed_comes_with_those_that_are():
    # RFC 9110 section 15.5.6
    (allow,) = [line for line in problem(405, "trace", "id").lines if line.startswith(b"Allow: ")]
    assert b"GET" in allow
    assert b"TRACE" not in allow
    assert not [line for line in problem(404, "internal", "id").lines if line.startswith(b"Allow")]


def test_every_failure_a_client_can_be_told_of_has_a_title_and_a_reason():
    told = {outcome: status for outcome, status in STATUS.items() if status != 499}
    silent = {"truncated", "idle_timeout", "side_left"}  # behind an answer's head: the connection is broken instead
    assert {outcome.value for outcome in told} - silent <= TITLES.keys()
    assert set(told.values()) <= REASONS.keys()


def test_our_own_answers_hold_no_framing():
    for status in REASONS:
        names = {line.partition(b":")[0].lower() for line in problem(status, "x", "id").lines}
        assert not names & {b"content-length", b"transfer-encoding", b"connection", b"x-request-id"}
