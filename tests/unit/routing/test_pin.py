"""Pins: who is believed, for how long, and how many there are."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from hmac import digest

import pytest

from proxy.config.moving import Moving
from proxy.routing.decision import Side
from proxy.routing.pin import MAX_COOKIE_CHARS, MAX_PINS, Pin, pinning, read_pins, write_pins
from tests.support.routing import route

KEY = b"k" * 32
NOW = 1_700_000_000.0
PINS = {"checkout": Pin(Side.SERVICE, 1_700_000_004), "catalogue": Pin(Side.LEGACY, 1_700_000_003)}


def read(*values, key=KEY, now=NOW, longest=5.0):
    return read_pins(values, key, now, longest)


def test_what_was_written_is_read():
    assert read(write_pins(PINS, KEY)) == PINS


def test_a_pin_holds_until_its_time_and_no_longer():
    value = write_pins(PINS, KEY)
    assert read(value, now=1_700_000_002.9) == PINS
    assert list(read(value, now=1_700_000_003.0)) == ["checkout"]
    assert read(value, now=1_700_000_004.0) == {}


def test_a_pin_that_ends_later_than_any_may_is_ignored():
    assert read(write_pins(PINS, KEY), now=NOW - 3600) == {}
    assert list(read(write_pins(PINS, KEY), longest=3.0)) == ["catalogue"]


@pytest.mark.parametrize("at", range(0, len(write_pins(PINS, KEY)), 3))
def test_a_changed_cookie_is_not_believed(at):
    value = write_pins(PINS, KEY)
    changed = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
    assert read(changed) == {}


@pytest.mark.parametrize("value", ["", "/", "x", "checkout:s:1700000004", "checkout:s:1700000004/", "é/ü", "a" * 5000])
def test_what_is_no_cookie_of_ours_is_ignored(value):
    assert read(value) == {}


def test_another_server_s_pins_are_ignored():
    assert read(write_pins(PINS, b"other" * 7)) == {}


def test_the_longest_cookie_that_is_written_is_read():
    many = {f"{number:064}": Pin(Side.SERVICE, 1_700_000_004) for number in range(MAX_PINS)}
    value = write_pins(many, KEY)
    assert len(value) <= MAX_COOKIE_CHARS
    assert read(value) == many


def test_an_oversized_cookie_is_ignored_even_where_it_is_signed():
    text = "/".join(f"g{number:03}:s:1700000004" for number in range(80))
    mac = urlsafe_b64encode(digest(KEY, text.encode(), "sha256")).rstrip(b"=").decode()
    assert len(text) > MAX_COOKIE_CHARS
    assert read(f"{text}/{mac}") == {}


def test_of_two_cookies_the_one_that_is_signed_counts():
    assert read("forged/mac", write_pins(PINS, KEY)) == PINS


def test_there_are_eight_pins_at_most_those_that_end_last():
    many = {f"g{number}": Pin(Side.SERVICE, 1_700_000_000 + number) for number in range(1, 12)}
    assert set(read(write_pins(many, KEY), longest=20.0)) == {f"g{number}" for number in range(4, 12)}
    assert MAX_PINS == 8


def moved(name, stage, *, group="checkout", pin=5.0):
    return route(name, f"/{name}", stage=stage, group=group, moving=Moving(pin=timedelta(seconds=pin)))


def test_a_write_pins_where_another_route_of_its_group_is_at_canary():
    place, orders = moved("place", "legacy"), moved("orders", "canary")
    assert pinning([place, orders]) == {"place": 5.0}
    assert pinning([place, moved("orders", "cutover")]) == {}
    assert pinning([place, moved("orders", "canary", group="other")]) == {}
    assert pinning([moved("place", "cutover"), orders, moved("more", "canary", pin=3.0)]) == {
        "place": 5.0,
        "orders": 5.0,
        "more": 3.0,
    }


def test_no_time_switches_pins_off():
    assert pinning([moved("place", "legacy", pin=0.0), moved("orders", "canary")]) == {}


def test_a_route_without_a_group_pins_nobody():
    assert pinning([moved("place", "legacy", group=None), moved("orders", "canary", group=None)]) == {}
