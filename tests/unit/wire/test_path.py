"""The normal form of a path: what stays, what is rewritten, what is refused (RFC 3986 sections 2.1, 2.3, 6.2.2)."""

import pytest

from proxy.wire.path import UNRESERVED, BadTarget, normalise, refuse_bad_query, split_target


@pytest.mark.parametrize(
    "path",
    ["/", "/a/b", "//", "/a//b/", "/a;x=1/b", "/~u/-._", "/a=b&c@d:e!$'()*+,", "/.well-known/x", "/...", "/a..b", "/é"],
)
def test_a_plain_path_is_its_own_normal_form(path):
    assert normalise(path) == path


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/%61%7a", "/az"),
        ("/%41%5A", "/AZ"),
        ("/%7Euser", "/~user"),
        ("/a%2db%2Ec%5fd", "/a-b.c_d"),
        ("/%30%39", "/09"),
        ("/a%20b", "/a%20b"),
        ("/%c3%a9", "/%C3%A9"),
        ("/a%3fb", "/a%3Fb"),
        ("/a%23b", "/a%23b"),
        ("/%25", "/%25"),
        ("/%2561", "/%2561"),  # decoded once, never twice
        ("/a%3bb", "/a%3Bb"),
        ("/a%0ab", "/a%0Ab"),
    ],
)
def test_escapes_of_unreserved_characters_are_decoded_and_others_upper_cased(path, normal):
    assert normalise(path) == normal


@pytest.mark.parametrize("code", range(256))
def test_every_escape_is_decoded_kept_or_refused(code):
    written = f"/x%{code:02x}y"
    if code in (0x00, 0x2F, 0x5C):
        with pytest.raises(BadTarget):
            normalise(written)
    elif chr(code) in UNRESERVED:
        assert normalise(written) == f"/x{chr(code)}y"
    else:
        assert normalise(written) == f"/x%{code:02X}y"


@pytest.mark.parametrize(
    "path",
    [
        "/.", "/..", "/./", "/../a", "/a/..", "/a/../b", "/a/./b", "/a/.",
        "/%2e", "/%2E%2e/a", "/.%2e", "/a/%2e%2E",
        "/..;x/a", "/.;/a", "/a/%2e%2e;x=1/b",
    ],
)  # fmt: skip
def test_dot_segments_are_refused_however_they_are_written(path):
    with pytest.raises(BadTarget, match="segment"):
        normalise(path)


@pytest.mark.parametrize("path", ["/a%2fb", "/a%2Fb", "/%2f", "/a%5cb", "/a%5C", "/%00", "/a%00b"])
def test_escapes_that_servers_read_differently_are_refused(path):
    with pytest.raises(BadTarget):
        normalise(path)


def test_an_encoded_slash_passes_undecoded_where_it_is_allowed():
    assert normalise("/a%2fb", allow_encoded_slash=True) == "/a%2Fb"


@pytest.mark.parametrize("path", ["/a%5cb", "/%00", "/a%2f/../b", "/%2e%2e"])
def test_allowing_an_encoded_slash_allows_nothing_else(path):
    with pytest.raises(BadTarget):
        normalise(path, allow_encoded_slash=True)


@pytest.mark.parametrize("path", ["/a%", "/a%2", "/a%zz", "/%g0", "/%-1", "/% 1", "/%%41"])
def test_a_percent_sign_without_two_hexadecimal_digits_is_refused(path):
    with pytest.raises(BadTarget):
        normalise(path)


@pytest.mark.parametrize("char", [*map(chr, range(0x21)), "\x7f", "#", "\\"])
def test_bytes_that_may_not_stand_in_a_path_are_refused(char):
    with pytest.raises(BadTarget):
        normalise(f"/a{char}b")


@pytest.mark.parametrize("path", ["", "a", "a/b", "*", "?", "%2Fa"])
def test_a_path_begins_with_a_slash(path):
    with pytest.raises(BadTarget):
        normalise(path)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [("/a", "/a", None), ("/a?", "/a", ""), ("/a?b", "/a", "b"), ("/a?b?c", "/a", "b?c"), ("/?/..", "/", "/..")],
)
def test_a_target_is_split_at_its_first_question_mark(target, path, query):
    assert split_target(target) == (path, query)


@pytest.mark.parametrize("query", ["", "a=1&b=2", "%2e%2e/%00%", "a[]=é\\", "/../..", "x?y"])
def test_a_query_is_left_as_it_was_sent(query):
    assert refuse_bad_query(query) is None


@pytest.mark.parametrize("char", [*map(chr, range(0x21)), "\x7f", "#"])
def test_bytes_that_may_not_stand_in_a_query_are_refused(char):
    with pytest.raises(BadTarget):
        refuse_bad_query(f"a={char}")
