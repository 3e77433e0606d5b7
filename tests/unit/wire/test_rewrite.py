"""Edits of field lines, split-route safeguards, and Location mapping."""

import pytest

from proxy.wire.rewrite import LineEdits, map_location, private_cache_control, temporary_status_line


def test_edits_remove_then_set_then_add():
    edits = LineEdits(["X-Gone"], [("X-Set", "new")], [("X-Add", "more"), ("X-Gone", "back")])
    lines = [b"x-gone: 1", b"A: 1", b"X-SET: old", b"X-Set: older", b"x-add: first"]
    assert edits.apply(lines) == [b"A: 1", b"x-add: first", b"X-Set: new", b"X-Add: more", b"X-Gone: back"]


def test_edits_leave_the_lines_they_were_given_alone():
    lines = [b"A: 1"]
    LineEdits(["A"], [], [("B", "2")]).apply(lines)
    LineEdits([], [], [("B", "2")]).apply(lines)
    assert lines == [b"A: 1"]


def test_an_edit_writes_latin_1():
    assert LineEdits([], [("X", "é")], []).apply([]) == [b"X: \xe9"]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (301, b"HTTP/1.1 302 Found"), (308, b"HTTP/1.1 307 Temporary Redirect"),
        (200, None), (302, None), (303, None), (307, None), (404, None),
    ],
)  # fmt: skip
def test_only_permanent_redirects_become_temporary(status, line):
    assert temporary_status_line(status) == line


@pytest.mark.parametrize(
    ("lines", "private"),
    [
        ((), b"Cache-Control: private"),
        ((b"Cache-Control: max-age=60",), b"Cache-Control: private, max-age=60"),
        ((b"cache-control: Public, s-maxage=9, max-age=60",), b"Cache-Control: private, max-age=60"),
        ((b"Cache-Control: private",), b"Cache-Control: private"),
        ((b"Cache-Control: no-cache", b"Cache-Control: public"), b"Cache-Control: private, no-cache"),
        ((b'Cache-Control: private="Set-Cookie", no-cache',), b"Cache-Control: private, no-cache"),
        ((b"Cache-Control: ,",), b"Cache-Control: private"),
        ((b"Cache-Control: no-store",), None),
        ((b"Cache-Control: max-age=1", b"Cache-Control: NO-STORE"), None),
    ],
)
def test_shared_caches_are_kept_off_a_split_route(lines, private):
    assert private_cache_control(lines) == private


AUTHORITY, PUBLIC = b"10.0.0.7:8103", b"https://shop.example"


@pytest.mark.parametrize(
    ("location", "mapped"),
    [
        (b"http://10.0.0.7:8103/a?b", b"https://shop.example/a?b"),
        (b"HTTP://10.0.0.7:8103/a", b"https://shop.example/a"),
        (b"https://10.0.0.7:8103/a", b"https://shop.example/a"),
        (b"http://10.0.0.7:8103", b"https://shop.example"),
        (b"http://10.0.0.7:8103?a", b"https://shop.example?a"),
        (b"http://10.0.0.7:81030/a", None),
        (b"http://10.0.0.7:8103.evil.example/", None),
        (b"http://10.0.0.7:8103@evil.example/", None),
        (b"http://10.0.0.7/a", None),
        (b"https://elsewhere.example/a", None),
        (b"//10.0.0.7:8103/a", None),
        (b"/a", None),
        (b"a/b", None),
        (b"?page=2", None),
        (b"", None),
    ],
)
def test_a_location_is_mapped_only_where_it_names_the_endpoint(location, mapped):
    assert map_location(location, AUTHORITY, PUBLIC, None) == mapped


@pytest.mark.parametrize(
    ("location", "mapped"),
    [
        (b"/v2/items", b"/api/items"),
        (b"/v2", b"/api"),
        (b"/v2?page=2", b"/api?page=2"),
        (b"/v2/", b"/api/"),
        (b"/v20/items", None),
        (b"/other", None),
        (b"http://10.0.0.7:8103/v2/items", b"https://shop.example/api/items"),
        (b"http://10.0.0.7:8103/other", b"https://shop.example/other"),
        (b"http://other.example/v2/items", None),
    ],
)
def test_a_location_under_the_rewritten_prefix_goes_back_under_the_public_one(location, mapped):
    assert map_location(location, AUTHORITY, PUBLIC, (b"/v2", b"/api")) == mapped


@pytest.mark.parametrize("prefixes", [(b"", b"/api"), (b"/v2", b"/api"), (b"/v2", b"")])
def test_a_location_with_an_authority_of_its_own_is_foreign_without_a_scheme_too(prefixes):
    # RFC 3986 section 4.2: `//host/path` is a network-path reference
    assert map_location(b"//cdn.example/logo.png", AUTHORITY, PUBLIC, prefixes) is None


def test_a_comma_inside_quotes_does_not_end_a_directive():
    # RFC 9111 section 5.2.2.7: private="field-name, ..."
    lines = (b'Cache-Control: private="X-A, X-B", max-age=60',)
    assert private_cache_control(lines) == b"Cache-Control: private, max-age=60"
