"""The buckets as they are published, what a user is, and in which order things decide."""

import re
import shutil
import subprocess
from hashlib import blake2b, sha256

import pytest

from proxy.config.moving import Canary, Moving
from proxy.config.policy import Key, KeyKind
from proxy.routing.decision import Reason, Side
from proxy.routing.head import PlainHead
from proxy.routing.split import MAX_DRAWS, User, UserKind, bucket_of, choose, compile_split, draw_id, read_user
from tests.support.processes import ROOT
from tests.support.routing import head, route, table

OWN = "A" * 22
BY_HEADER = Key(KeyKind.HEADER, "x-customer")


def canary(name="r", path="/a", *, group=None, **settings):
    return route(name, path, stage="canary", group=group, moving=Moving(canary=Canary(**settings)))


def claim(*routes):
    return table(*routes).match(head("/a"))


def user_of(settings, address="203.0.113.9", **headers):
    split = claim(canary(**settings)).split
    return read_user(split, PlainHead("GET", "/a", headers=tuple(headers.items())), address)


# buckets


def published():
    rows = re.findall(r"^\| `(.*?)` \| `(.*?)` \| `(.*?)` \| (\d+) \|$", (ROOT / "docs/moving.md").read_text(), re.M)
    return [(salt, kind, key, int(bucket)) for salt, kind, key, bucket in rows]


def test_the_published_buckets_are_what_is_computed():
    assert len(published()) >= 10
    for salt, kind, key, bucket in published():
        assert bucket_of(salt, kind, key) == bucket, (salt, kind, key)


def test_the_published_buckets_are_what_others_compute():
    for salt, kind, key, bucket in published():
        text = b":".join((salt.encode(), kind.encode(), key.encode()))
        assert int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % 10000 == bucket, text


@pytest.mark.skipif(shutil.which("b2sum") is None, reason="coreutils are not there")
def test_the_published_buckets_are_what_a_shell_computes():
    for salt, kind, key, bucket in published():
        text = f"{salt}:{kind}:{key}".encode()
        digest = subprocess.run(["b2sum", "-l", "64"], input=text, capture_output=True, check=True).stdout.split()[0]
        assert int(digest, 16) % 10000 == bucket, text


def test_the_group_is_the_salt_and_without_one_the_route_is():
    assert claim(canary("r", group="checkout")).split.salt == "checkout"
    assert claim(canary("r")).split.salt == "r"


def test_only_a_route_at_canary_is_split():
    assert compile_split(route("r", "/a", stage="shadow", moving=Moving(canary=Canary(weight=0.5))), {}) is None
    assert compile_split(route("r", "/a", stage="canary"), {}).weight == Canary().weight


# who asks


@pytest.mark.parametrize(
    ("settings", "headers", "user"),
    [
        ({"sticky": BY_HEADER}, {"x-customer": "4711"}, User(UserKind.HEADER, "4711", named=True)),
        ({"sticky": Key(KeyKind.COOKIE, "sid")}, {"cookie": "a=b; sid=7"}, User(UserKind.COOKIE, "7", named=True)),
        ({"sticky": Key()}, {"cookie": f"strangler_id={OWN}"}, User(UserKind.IP, "203.0.113.9", named=True)),
        ({}, {"cookie": f"a=b; strangler_id={OWN}", "authorization": "x"}, User(UserKind.OWN, OWN)),
        ({}, {"authorization": "Bearer x"}, User(UserKind.HEADER, sha256(b"Bearer x").hexdigest())),
        ({}, {}, User(UserKind.IP, "203.0.113.9")),
    ],
)
def test_a_user_is_told_by_what_sticky_names_else_by_the_first_thing_there_is(settings, headers, user):
    assert user_of(settings, **headers) == user


@pytest.mark.parametrize("sent", [{}, {"x-customer": ""}])
def test_who_lacks_what_sticky_names_is_told_by_something_else(sent):
    found = user_of({"sticky": BY_HEADER}, cookie=f"strangler_id={OWN}", **sent)
    assert found == User(UserKind.OWN, OWN)


@pytest.mark.parametrize("value", ["", "x", "A" * 21, "A" * 23, "A" * 21 + "=", "A" * 21 + "%", '"' + "A" * 20 + '"'])
def test_an_id_that_we_cannot_have_given_is_ignored(value):
    assert user_of({}, cookie=f"strangler_id={value}").kind is UserKind.IP


def test_of_a_cookie_that_is_sent_twice_the_first_counts():
    assert user_of({"sticky": Key(KeyKind.COOKIE, "sid")}, cookie="sid=1; sid=2").key == "1"
    assert user_of({}, cookie=f"strangler_id=forged; strangler_id={OWN}").key == OWN


def test_a_header_on_several_lines_is_one_value():
    split = claim(canary(sticky=BY_HEADER)).split
    sent = PlainHead("GET", "/a", headers=(("x-customer", "1"), ("x-customer", "2")))
    assert read_user(split, sent, "::1").key == "1, 2"


def test_a_key_is_the_text_that_its_bytes_say_in_utf_8():
    assert user_of({"sticky": BY_HEADER}, **{"x-customer": "zoë".encode().decode("latin-1")}).key == "zoë"


@pytest.mark.parametrize(
    ("address", "key"),
    [("::ffff:203.0.113.9", "203.0.113.9"), ("2001:db8::7", "2001:db8::7"), ("::ffff:1", "::ffff:1")],
)
def test_an_ipv4_address_is_one_also_where_it_came_in_over_ipv6(address, key):
    assert user_of({}, address).key == user_of({"sticky": Key()}, address).key == key


# what decides


def decided(found, user, override=None, pinned=None):
    chosen = choose(found.split, found.decisions, user, override, pinned)
    return chosen.decision.side, chosen.decision.reason


LOW = User(UserKind.OWN, OWN)  # 939 in group checkout
NAMED = User(UserKind.HEADER, "4711", named=True)  # 8411


def test_the_service_answers_below_the_weight_and_not_at_it():
    for weight, side in ((0.0939, Side.LEGACY), (0.094, Side.SERVICE), (0.0, Side.LEGACY), (1.0, Side.SERVICE)):
        assert decided(claim(canary(group="checkout", weight=weight)), LOW) == (side, Reason.WEIGHT)


def test_a_weight_is_a_whole_number_of_buckets():
    assert [claim(canary(weight=weight)).split.below for weight in (0.0001, 0.07, 0.29, 0.57, 1.0)] == [
        1, 700, 2900, 5700, 10000,
    ]  # fmt: skip


def test_each_thing_that_decides_goes_before_the_next():
    listed = canary(group="checkout", weight=0.5, sticky=BY_HEADER, deny=("4711",), allow=("4711",))
    found = claim(listed)
    assert decided(found, NAMED, Side.SERVICE, Side.SERVICE) == (Side.LEGACY, Reason.DENY)
    found = claim(canary(group="checkout", weight=0.5, sticky=BY_HEADER, allow=("4711",)))
    assert decided(found, NAMED, Side.LEGACY, Side.LEGACY) == (Side.SERVICE, Reason.ALLOW)
    found = claim(canary(group="checkout", weight=0.5))
    assert decided(found, NAMED, Side.SERVICE, Side.LEGACY) == (Side.SERVICE, Reason.OVERRIDE)
    assert decided(found, NAMED, None, Side.SERVICE) == (Side.SERVICE, Reason.PIN)
    assert decided(found, NAMED) == (Side.LEGACY, Reason.WEIGHT)


def test_lists_speak_of_what_sticky_reads_and_of_nobody_else():
    found = claim(canary(sticky=BY_HEADER, weight=0.0, allow=("203.0.113.9", OWN)))
    assert decided(found, User(UserKind.IP, "203.0.113.9")) == (Side.LEGACY, Reason.WEIGHT)
    assert decided(found, LOW) == (Side.LEGACY, Reason.WEIGHT)
    assert decided(claim(canary(weight=0.0, allow=(OWN,))), LOW) == (Side.SERVICE, Reason.ALLOW)


def test_the_bucket_is_told_whatever_decides():
    found = claim(canary(group="checkout", deny=(OWN,)))
    assert choose(found.split, found.decisions, LOW, None, None).bucket == 939


# ids


def test_an_id_leaves_its_user_where_the_weights_have_them_on_every_route():
    routes = (
        canary("a", group="checkout", weight=0.5),
        canary("b", "/b", group="checkout", weight=0.2),
        canary("c", "/c", weight=0.5),
    )
    splits = [made.split for made in table(*routes).ranked]
    for number in range(100):
        user = User(UserKind.IP, f"203.0.113.{number}")
        own = draw_id(splits[0], user, seed=number << 100)
        assert own is not None
        assert user_of({}, cookie=f"strangler_id={own}").key == own
        for split in splits:
            before, after = (bucket_of(split.salt, *pair) for pair in ((user.kind, user.key), (UserKind.OWN, own)))
            assert (before < split.below) is (after < split.below), (user, split.salt)


def test_users_of_one_address_get_ids_in_different_places():
    split = claim(canary(weight=0.5)).split
    drawn = {draw_id(split, User(UserKind.IP, "203.0.113.9"), seed << 64) for seed in range(50)}
    assert len({bucket_of("r", UserKind.OWN, own) for own in drawn}) > 40


def test_drawing_an_id_ends_even_where_hardly_any_would_do():
    weights = [canary(f"r{number}", f"/{number}", weight=0.5) for number in range(40)]
    split = table(*weights).match(head("/0")).split
    assert draw_id(split, User(UserKind.IP, "203.0.113.9"), seed=2**128 - 1) is None
    assert MAX_DRAWS <= 1000


def test_an_id_may_be_drawn_from_the_last_number_there_is():
    assert draw_id(claim(canary(weight=1.0)).split, LOW, seed=2**128 - 1) == "_" * 21 + "w"
