"""How the elements of arrays are told apart."""

from datetime import date

from proxy.comparison.json_body import Tree, read_json
from proxy.comparison.labels import Labels, is_vague
from proxy.comparison.rules import compile_rules
from proxy.comparison.texts import Hosts
from proxy.config.compare import Compare, IgnoreRule, Tolerance


def labels(*, null_is_missing: bool = False) -> Labels:
    return Labels(Hosts(), null_is_missing, lambda: None)


def elements(text: str) -> list[Tree]:
    tree = read_json(text.encode())
    assert isinstance(tree, list)
    return tree


TODAY = date(2026, 11, 30)
ROOT = compile_rules(Compare(), today=TODAY).start


def test_elements_are_known_by_an_id_that_tells_all_of_them_apart() -> None:
    ones, others = elements('[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]'), elements('[{"id": 2, "name": "b"}]')
    assert labels().identity(ones, others, ROOT) == "id"


def test_an_id_that_stands_twice_or_is_missing_tells_nobody_apart() -> None:
    twice, missing = elements('[{"id": 1}, {"id": 1}]'), elements('[{"id": 1}, {"x": 1}]')
    assert labels().identity(twice, twice, ROOT) is None
    assert labels().identity(missing, missing, ROOT) is None
    by_name = elements('[{"id": 1, "sku": "a"}, {"id": 1, "sku": "b"}]')
    assert labels().identity(by_name, by_name, ROOT) == "sku"


def test_an_id_that_a_rule_is_about_is_no_id() -> None:
    ignored = compile_rules(Compare(ignore=(IgnoreRule("$.id"),)), today=TODAY).start
    ones = elements('[{"id": 1}, {"id": 2}]')
    assert labels().identity(ones, ones, ignored) is None


def test_elements_that_are_equal_under_the_rules_have_equal_labels() -> None:
    rules = compile_rules(Compare(ignore=(IgnoreRule("$.at"),), unordered=("$.tags",)), today=TODAY).start
    one, other = elements('[{"at": 1, "tags": ["a", "b"], "n": null}, {"at": 2, "tags": ["b", "a"]}]')
    assert labels(null_is_missing=True).whole(one, rules) == labels(null_is_missing=True).whole(other, rules)
    assert labels().whole(one, rules) != labels().whole(other, rules)


def test_numbers_under_a_tolerance_are_alike_and_say_so() -> None:
    near = compile_rules(Compare(tolerance={"$.price": Tolerance(absolute=1)}), today=TODAY).start
    one, other, text = (labels().whole(tree, near) for tree in elements('[{"price": 1}, {"price": 2}, {"price": "x"}]'))
    assert one == other
    assert is_vague(one)
    assert not is_vague(text)


def test_no_text_can_pretend_to_be_a_vague_label() -> None:
    (one,) = elements('["\\u0000~"]')
    assert not is_vague(labels().whole(one, ROOT))
