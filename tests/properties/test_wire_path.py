"""The normal form of a path, on paths made to be read in two ways (RFC 3986 section 6.2.2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.path import UNRESERVED, BadTarget, normalise

SEPARATORS = ["/", "/", ";", "=", "&", "@", ":", ".", ".."]
ESCAPES = ["%2e", "%2E", "%2f", "%5c", "%00", "%41", "%7e", "%c3", "%25", "%252e", "%20", "%3b", "%", "%g1"]
PLAIN_OR_BAD = ["a", "B", "~", "é", "\\", "#", " ", "\x00", "\x7f", "\t"]
PIECES = st.sampled_from([*SEPARATORS, *ESCAPES, *PLAIN_OR_BAD])
PATHS = st.lists(PIECES, max_size=12).map(lambda pieces: "/" + "".join(pieces)) | st.text(
    st.characters(max_codepoint=255), max_size=20
).map(lambda text: "/" + text)


def normal(path, **settings):
    try:
        return normalise(path, **settings)
    except BadTarget:
        return None


def decoded(path):
    return re.sub("%([0-9A-F]{2})", lambda escape: chr(int(escape.group(1), 16)), path)


@given(PATHS, st.booleans())
def test_the_normal_form_is_its_own_normal_form(path, allow):
    found = normal(path, allow_encoded_slash=allow)
    if found is not None:
        assert normalise(found, allow_encoded_slash=allow) == found


@given(PATHS, st.booleans())
def test_no_normal_form_can_be_read_in_two_ways(path, allow):
    found = normal(path, allow_encoded_slash=allow)
    if found is None:
        return
    assert found.startswith("/")
    assert not re.search(r"[\x00-\x20\x7f#\\]", found)
    assert not re.search("%(?![0-9A-F]{2})", found)
    assert not re.search("%(?:00|5C)", found)
    assert allow or "%2F" not in found
    for escape in re.findall("%[0-9A-F]{2}", found):
        assert decoded(escape) not in UNRESERVED
    for segment in found.split("/"):
        assert segment.partition(";")[0] not in (".", "..")


@given(PATHS)
def test_nothing_but_the_spelling_of_escapes_changes(path):
    found = normal(path)
    if found is not None:
        upper = re.sub("%[0-9A-Fa-f]{2}", lambda escape: escape.group().upper(), path)
        assert decoded(found) == decoded(upper)
        assert len(found.split("/")) == len(path.split("/"))


@given(PATHS, st.randoms(use_true_random=False))
def test_equivalent_spellings_have_one_normal_form(path, chance):
    found = normal(path)
    if found is None:
        return

    def spell(match):
        char = match.group()
        if len(char) == 3:
            return char.lower() if chance.random() < 0.5 else char
        if char in UNRESERVED and chance.random() < 0.5:
            return f"%{ord(char):02x}" if chance.random() < 0.5 else f"%{ord(char):02X}"
        return char

    other = re.sub("%[0-9A-F]{2}|[^%/]", spell, found)
    assert normalise(other) == found


@given(PATHS)
def test_what_is_refused_is_refused_below_any_prefix(path):
    if normal(path) is None:
        with pytest.raises(BadTarget):
            normalise("/prefix" + path)
