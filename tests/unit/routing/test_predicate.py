import pytest

from proxy.routing.head import PlainHead
from proxy.routing.predicate import compile_conditions
from tests.support.routing import head, match


def conditions(**written):
    return compile_conditions(match("/a", **written))


def holds(asked, **written):
    (condition,) = conditions(**written)
    return condition.holds(asked)


def test_a_header_is_found_whatever_its_case_and_compared_exactly():
    asked = head("/a", headers={"X-Beta": "yes"})
    assert holds(asked, headers={"x-bETA": "yes"})
    assert not holds(asked, headers={"X-Beta": "Yes"})
    assert not holds(asked, headers={"X-Other": "yes"})


def test_a_regex_matches_the_whole_value():
    asked = head("/a", headers={"X-Beta": "group-17"})
    assert holds(asked, headers={"X-Beta": "~group-[0-9]+"})
    assert not holds(asked, headers={"X-Beta": "~group"})


def test_presence_and_absence_can_be_asked_for():
    assert holds(head("/a", headers={"X-A": ""}), headers={"X-A": True})
    assert not holds(head("/a"), headers={"X-A": True})
    assert holds(head("/a"), headers={"X-A": False})
    assert not holds(head("/a?q"), query={"q": False})


def test_a_header_on_several_lines_counts_as_one_joined_by_commas():
    asked = PlainHead("GET", "/a", headers=(("x-a", "1"), ("x-a", "2")))
    assert holds(asked, headers={"X-A": "1, 2"})
    assert not holds(asked, headers={"X-A": "1"})


def test_values_that_are_not_ascii_are_compared_as_utf_8():
    asked = head(
        "/a",
        headers={
            "X-City": "Zürich".encode().decode("latin-1"),
            "Cookie": "city=" + "Genève".encode().decode("latin-1"),
        },
    )
    assert holds(asked, headers={"X-City": "Zürich"})
    assert holds(asked, headers={"X-City": "~Z.rich"})
    assert holds(asked, cookies={"city": "Genève"})
    assert not holds(head("/a", headers={"X-City": "\xff"}), headers={"X-City": "Zürich"})


@pytest.mark.parametrize("query", ["q=1&q=1", "q=1&q=2", "q&q"])
def test_a_repeated_query_key_satisfies_only_presence(query):
    asked = head(f"/a?{query}")
    assert holds(asked, query={"q": True})
    assert not holds(asked, query={"q": "1"})
    assert not holds(asked, query={"q": "~.*"})


def test_query_keys_and_values_are_compared_decoded():
    asked = head("/a?na%6De=a+b%2B&empty")
    assert holds(asked, query={"name": "a b+"})
    assert holds(asked, query={"empty": ""})


def test_cookies_are_read_from_all_lines_and_kept_as_sent():
    asked = PlainHead("GET", "/a", headers=(("cookie", 'a=1; b="x"'), ("cookie", "c=2")))
    assert holds(asked, cookies={"a": "1"})
    assert holds(asked, cookies={"b": '"x"'})
    assert holds(asked, cookies={"c": "2"})
    assert not holds(asked, cookies={"A": "1"})


def test_a_repeated_cookie_satisfies_only_presence():
    asked = head("/a", headers={"Cookie": "a=1; a=2"})
    assert holds(asked, cookies={"a": True})
    assert not holds(asked, cookies={"a": "1"})


@pytest.mark.parametrize(
    ("written", "asked", "said"),
    [
        ({"headers": {"X-A": "1"}}, head("/a"), "header X-A is missing"),
        ({"headers": {"X-A": "1"}}, head("/a", headers={"X-A": "2"}), 'header X-A is not "1"'),
        ({"headers": {"X-A": "~1+"}}, head("/a", headers={"X-A": "2"}), "header X-A does not match 1+"),
        ({"headers": {"X-A": False}}, head("/a", headers={"X-A": "2"}), "header X-A is there and must not be"),
        ({"query": {"q": "1"}}, head("/a?q=1&q=1"), "query q is there more than once, which satisfies only `present`"),
    ],
)
def test_a_failure_is_explained(written, asked, said):
    (condition,) = conditions(**written)
    assert not condition.holds(asked)
    assert condition.failure(asked) == said


@pytest.mark.parametrize(
    "written",
    [
        {"cookies": {"sid": "hunter2"}},
        {"headers": {"Authorization": "hunter2"}},
        {"headers": {"X-Api-Key": "~hunter2"}},
        {"query": {"access_token": "hunter2"}},
    ],
)
def test_a_credential_is_never_shown(written):
    (condition,) = conditions(**written)
    asked = head("/a?access_token=letmein", headers={"Cookie": "sid=letmein", "Authorization": "letmein"})
    assert "hunter2" not in str(condition)
    assert "hunter2" not in condition.failure(asked)
    assert "letmein" not in condition.failure(asked)


@pytest.mark.parametrize(
    ("weaker", "stronger", "implied"),
    [
        ({"X-A": "1"}, {"x-a": "1"}, True),
        ({"X-A": True}, {"X-A": "1"}, True),
        ({"X-A": True}, {"X-A": "~1"}, True),
        ({"X-A": "~[0-9]"}, {"X-A": "1"}, True),
        ({"X-A": "~[0-9]"}, {"X-A": "x"}, False),
        ({"X-A": "1"}, {"X-A": "2"}, False),
        ({"X-A": "1"}, {"X-A": True}, False),
        ({"X-A": True}, {"X-A": False}, False),
        ({"X-A": False}, {"X-A": "1"}, False),
        ({"X-A": "~[0-9]"}, {"X-A": "~1"}, False),
        ({"X-A": True}, {"X-B": True}, False),
    ],
)
def test_what_one_condition_says_of_another(weaker, stronger, implied):
    (one,), (other,) = conditions(headers=weaker), conditions(headers=stronger)
    assert one.implied_by(other) is implied
