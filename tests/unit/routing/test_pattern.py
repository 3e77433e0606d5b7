import pytest

from proxy.routing.pattern import Host, parse_path
from tests.support.routing import pattern


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("/**", "/a", True),
        ("/**", "~/.*", True),
        ("/a/**", "/a", True),
        ("/a/**", "/a/{x}", True),
        ("/a/**", "/a/b/**", True),
        ("/{x}/**", "/a/b/**", True),
        ("/a/**", "/ab", False),
        ("/a/b/**", "/a/**", False),
        ("/a/{x}", "/a/b", True),
        ("/a/{x}", "/a/{y}", True),
        ("/a/{x}", "/a/", False),
        ("/a/{x}/", "/a/b/", True),
        ("/{x}/b", "/a/{y}", False),
        ("/a/{x}", "/a/**", False),
        ("/a/{x}", "/a/{x}/{y}", False),
        ("/{x}/**", "//**", False),
        ("~/a.*", "/ab", True),
        ("~/a.*", "~/a.*", True),
        ("~/a.*", "/a/**", False),
        ("/a", "/a/{x}", False),
        ("/a", "/a", True),
    ],
)
def test_one_path_pattern_covers_another(wide, narrow, covers):
    assert parse_path(pattern(wide)).covers(parse_path(pattern(narrow))) is covers


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        (None, "a.test", True),
        ("a.test", None, False),
        ("*.test", "a.test", True),
        ("*.test", "*.a.test", True),
        ("*.a.test", "*.test", False),
        ("*.test", "test", False),
        ("*.test", "*.test", True),
        ("a.test", "b.test", False),
    ],
)
def test_one_host_pattern_covers_another(wide, narrow, covers):
    assert Host(wide).covers(Host(narrow)) is covers


def test_no_path_condition_means_every_path():
    assert parse_path(None).matches("/any/thing")
    assert parse_path(None).shape == parse_path(pattern("/**")).shape
