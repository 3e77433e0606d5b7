"""Alignment of long lists, beyond what the quadratic search may cost."""

import random

from proxy.comparison.align import Aligner, Alignment


def align(left: list[str], right: list[str]) -> Alignment | None:
    return Aligner[str](lambda a, b: a == b, lambda ones, others: [str], lambda a, b: True).align(left, right)


def test_what_was_put_into_and_taken_out_of_a_long_list_is_found() -> None:
    left = [f"line {at}" for at in range(3000)]
    right = [line for line in left if line not in ("line 40", "line 2000")]
    right.insert(1000, "new")
    found = align(left, right)
    assert found is not None
    assert not found.moved
    unlike = [(a, b) for a, b in found.pairs if a is None or b is None or left[a] != right[b]]
    assert unlike == [(40, None), (None, 1000), (2000, None)]


def test_both_sides_are_treated_alike() -> None:
    chance = random.Random(5)
    for _ in range(300):
        left, right = ([chance.choice("abcde") for _ in range(chance.randrange(9))] for _ in range(2))
        one, other = align(left, right), align(right, left)
        assert one is not None
        assert other is not None
        assert sorted(map(str, one.pairs)) == sorted(str((b, a)) for a, b in other.pairs)
        assert one.moved == other.moved
