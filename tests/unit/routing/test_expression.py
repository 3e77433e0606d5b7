import time

import pytest

from proxy.routing.expression import Expressions, never_begins_with_slash


@pytest.mark.parametrize(
    ("text", "reason"),
    [("(?=a)b", "perl operator"), (r"(a)\1", "escape sequence"), ("[", "missing ]"), (r"\pL{1,1000}", "too large")],
)
def test_what_re2_cannot_match_in_linear_time_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        Expressions([text])


def test_a_match_is_of_the_whole_text_and_indexes_ascend():
    assert list(Expressions(["b", "a|ab", "a.*", "ab"]).match("ab")) == [1, 2, 3]
    assert list(Expressions([]).match("ab")) == []


def test_an_expression_too_large_for_an_automaton_is_still_matched():
    large = r"\pL{1,300}"
    found = Expressions(["a", large, "ab"]).match("ab")
    assert list(found) == [1, 2]


def test_a_pattern_that_would_backtrack_takes_linear_time():
    bomb = Expressions(["(a*)*b", "(a|aa)+$", "(.*a){20}b"])
    started = time.process_time()
    assert list(bomb.match("a" * 20_000 + "c")) == []
    assert time.process_time() - started < 2


@pytest.mark.parametrize("text", ["api/.*", "^api", "[a-z]+", ""])
def test_an_expression_that_no_path_can_match_is_recognised(text):
    assert never_begins_with_slash(text)


@pytest.mark.parametrize("text", ["/api", "^/api$", ".*", "(?i)/API", "[^a]*", "/?api", "(a|/b)"])
def test_an_expression_that_some_path_may_match_is_not_blamed(text):
    assert not never_begins_with_slash(text)
