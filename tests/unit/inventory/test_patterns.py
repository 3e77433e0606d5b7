"""The URLconf, as the rest of the inventory knows it."""

import pytest

from proxy.inventory.patterns import Pattern, example_of, read_urlconf


def one(template: str, **more) -> Pattern:
    (found,) = read_urlconf({"patterns": [{"template": template, **more}]}).patterns
    return found


def test_head_is_not_named_beside_get():
    assert one("/a", methods=["HEAD", "POST", "GET"]).methods == ("GET", "POST")
    assert one("/a", methods=["HEAD"]).methods == ("HEAD",)


@pytest.mark.parametrize(
    ("methods", "reads", "writes"),
    [(["GET"], True, False), (["TRACE"], True, False), (["POST"], False, True), (None, True, True)],
)
def test_what_a_pattern_may_do(methods, reads, writes):
    pattern = one("/a", methods=methods)
    assert (pattern.reads, pattern.writes) == (reads, writes)


def test_a_template_is_brought_into_the_form_in_which_paths_are_matched():
    assert one("/café/{a}/{a}/").template == "/caf%C3%A9/{a}/{a_2}/"


def test_what_no_request_can_ask_for_is_set_aside():
    found = read_urlconf({"patterns": [{"template": "/a//b"}, {"template": "/a/../b"}, {"template": "/ok/**"}]})
    assert [pattern.template for pattern in found.patterns] == ["/ok/**"]
    assert found.unsayable == ("/a//b", "/a/../b")


@pytest.mark.parametrize(
    ("template", "example"), [("/", "/"), ("/a/{b}/", "/a/1/"), ("/a/**", "/a/x"), ("/**", "/x"), ("/a", "/a")]
)
def test_an_example_is_matched_by_its_template(template, example):
    assert example_of(template) == example
    assert one(template).compiled().matches(example)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"patterns": 1},
        {"patterns": [1]},
        {"patterns": [{}]},
        {"patterns": [{"template": "/", "methods": 1}]},
    ],
)
def test_anything_else_is_no_urlconf(document):
    with pytest.raises(ValueError, match=r"."):
        read_urlconf(document)
