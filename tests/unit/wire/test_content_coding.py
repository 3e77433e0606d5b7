"""Content codings: taken off within a limit, and never guessed."""

import gzip
import zlib
from functools import partial

import pytest

from proxy.wire.content_coding import Undecoded, content_codings, decode

packed = partial(gzip.compress, mtime=0)  # the same in every process: it names cases
LIMIT = 1000


def test_codings_are_those_named_in_order_and_identity_is_none() -> None:
    assert content_codings(["GZIP, identity", " deflate ", ""]) == ("gzip", "deflate")


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (b"text", ()),
        (packed(b"text"), ("gzip",)),
        (packed(b"te") + packed(b"xt"), ("x-gzip",)),
        (packed(b"text") + b"\0" * 9, ("gzip",)),
        (zlib.compress(b"text"), ("deflate",)),
        (zlib.compress(b"text", wbits=-15), ("deflate",)),
        (packed(zlib.compress(b"text")), ("deflate", "gzip")),
    ],
)
def test_a_body_is_what_it_was_before_its_codings(body: bytes, codings: tuple[str, ...]) -> None:
    assert decode(body, codings, LIMIT) == b"text"


@pytest.mark.parametrize(
    ("body", "codings", "why"),
    [
        (b"text", ("br",), Undecoded.UNKNOWN),
        (packed(b"text"), ("gzip",) * 4, Undecoded.UNKNOWN),
        (b"text", ("gzip",), Undecoded.DAMAGED),
        (packed(b"text")[:-1], ("gzip",), Undecoded.DAMAGED),
        (packed(b"text") + b"more", ("gzip",), Undecoded.DAMAGED),
        (packed(b"0" * (LIMIT + 1)), ("gzip",), Undecoded.TOO_LARGE),
        (packed(b"0" * LIMIT) + packed(b"0"), ("gzip",), Undecoded.TOO_LARGE),
    ],
)
def test_what_cannot_be_decoded_says_why(body: bytes, codings: tuple[str, ...], why: Undecoded) -> None:
    assert decode(body, codings, LIMIT) is why


def test_exactly_the_limit_is_decoded_and_nothing_stays_nothing() -> None:
    assert decode(packed(b"0" * LIMIT), ("gzip",), LIMIT) == b"0" * LIMIT
    assert decode(b"", ("gzip",), LIMIT) == b""


def test_of_a_cut_body_there_is_as_much_as_can_be_had() -> None:
    assert decode(packed(b"text")[:-8], ("gzip",), LIMIT, cut=True) == b"text"


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = packed(b"\0" * (64 * 1024 * 1024))
    assert decode(bomb, ("gzip",), LIMIT) is Undecoded.TOO_LARGE
