"""The split of users: monotone, in proportion, and the same wherever it is computed."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config.moving import Canary, Moving
from proxy.config.policy import Key, KeyKind
from proxy.routing.decision import Reason, Side
from proxy.routing.explain import explain
from proxy.routing.head import PlainHead
from proxy.routing.pin import Pin, read_pins, write_pins
from proxy.routing.split import User, UserKind, bucket_of, choose, draw_id, read_user
from proxy.routing.table import compile_table
from tests.support.processes import ROOT
from tests.support.routing import route, snapshot, table

USERS = [f"user-{number}" for number in range(10_000)]
WEIGHTS = (0.0, 0.0001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999, 1.0)
BY_HEADER = Key(KeyKind.HEADER, "x-customer")


def canary(name, path, *, group=None, **others):
    return route(name, path, stage="canary", group=group, moving=Moving(canary=Canary(**others)))


def reached(weight, kind=UserKind.HEADER, group="checkout"):
    """The users whom the service answers."""
    (claim,) = table(canary("r", "/a", group=group, weight=weight)).ranked
    users = [User(kind, key, named=True) for key in USERS]
    chosen = [choose(claim.split, claim.decisions, user, None, None).decision.side for user in users]
    return {user.key for user, side in zip(users, chosen, strict=True) if side is Side.SERVICE}


@pytest.mark.parametrize("kind", [UserKind.HEADER, UserKind.USER, UserKind.IP])
def test_raising_the_weight_takes_no_user_back_and_a_share_is_what_it_says(kind):
    before = set()
    for weight in WEIGHTS:
        now = reached(weight, kind)
        assert before <= now, f"{len(before - now)} users went back at {weight}"
        assert abs(len(now) / len(USERS) - weight) <= 0.015
        before = now
    assert before == set(USERS)
    assert reached(0.0, kind) == set()


def test_two_groups_reach_different_users():
    first, second = reached(0.25, group="checkout"), reached(0.25, group="catalogue")
    assert abs(len(first & second) / len(USERS) - 0.0625) < 0.015


COMPUTE = """
import json, sys
from tests.properties.test_split import reached
json.dump(sorted(reached(0.25)), sys.stdout)
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_reaches_the_same_users(seed):
    environ = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    computed = subprocess.run([sys.executable, "-c", COMPUTE], capture_output=True, env=environ, cwd=ROOT, check=True)
    assert set(json.loads(computed.stdout)) == reached(0.25)


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
SHARES = st.integers(0, 10_000).map(lambda number: number / 10_000)


@given(KEYS, st.lists(SHARES, min_size=2, max_size=6).map(sorted))
def test_nobody_goes_back_whatever_the_steps(key, weights):
    user, sides = User(UserKind.HEADER, key, named=True), []
    for weight in weights:
        (claim,) = table(canary("r", "/a", weight=weight)).ranked
        sides.append(choose(claim.split, claim.decisions, user, None, None).decision.side)
    assert sides == sorted(sides)  # "legacy" before "service"


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), SHARES), min_size=1, max_size=4),
    st.ip_addresses(),
    st.integers(0, 2**128 - 1),
)
@settings(max_examples=100)
def test_an_id_moves_nobody_on_any_route(written, address, seed):
    claims = table(*(canary(f"r{n}", f"/{n}", group=group, weight=w) for n, (group, w) in enumerate(written))).ranked
    user = User(UserKind.IP, str(address))
    own = draw_id(claims[0].split, user, seed)
    for claim in claims if own is not None else ():
        before = choose(claim.split, claim.decisions, user, None, None).decision
        assert choose(claim.split, claim.decisions, User(UserKind.OWN, own), None, None).decision is before


@given(
    st.lists(st.tuples(st.sampled_from(["/a", "/a/**", "/{x}", "/**"]), SHARES, st.booleans()), max_size=5),
    st.sampled_from(["/a", "/a/b", "/c"]),
    st.sampled_from([(), (("x-customer", "7"),), (("authorization", "x"),), (("cookie", "strangler_id=" + "A" * 22),)]),
    st.sampled_from([None, Side.LEGACY, Side.SERVICE]),
)
def test_what_is_explained_is_what_asking_every_route_decides(routes, path, headers, override):
    made = snapshot(
        *(
            canary(f"r{n}", match, weight=weight, sticky=BY_HEADER if sticky else None)
            for n, (match, weight, sticky) in enumerate(routes)
        )
    )
    found, head = compile_table(made), PlainHead("GET", path, headers=headers)
    claim = found.linear_match(head)
    explained = explain(found, made, head, override, "203.0.113.9")
    if claim is None:
        assert explained.reason is Reason.DEFAULT
        return
    user = read_user(claim.split, head, "203.0.113.9")
    decision, bucket = choose(claim.split, claim.decisions, user, override, None)
    assert (explained.side, explained.reason, explained.upstream) == (
        decision.side,
        decision.reason,
        decision.upstream,
    )
    assert explained.bucket == bucket == bucket_of(claim.split.salt, user.kind, user.key)


GROUPS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
PINS = st.dictionaries(GROUPS, st.builds(Pin, st.sampled_from([Side.LEGACY, Side.SERVICE]), st.integers(1, 9)))


@given(PINS, st.binary(min_size=32, max_size=32))
def test_pins_come_back_as_they_were_written_and_only_to_who_has_the_key(pins, key):
    value = write_pins(pins, key)
    back = read_pins([value], key, 0.0, 10.0)
    assert back.items() <= pins.items()
    assert len(back) == min(len(pins), 8)
    assert read_pins([value], bytes(32) if key != bytes(32) else b"x" * 32, 0.0, 10.0) == {}


@given(st.text(max_size=200))
def test_no_text_is_believed_that_was_not_signed(value):
    assert read_pins([value], b"k" * 32, 0.0, 1e9) == {}
