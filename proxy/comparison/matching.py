"""Who may go with whom, so that as few as possible are left: a maximum matching by augmenting paths (Kuhn, 1955)."""

from collections.abc import Callable, Sequence


def match(ones: Sequence[int], others: Sequence[int], fit: Callable[[int, int], bool]) -> tuple[list[int], list[int]]:
    """Those of each side that are left without a partner."""
    partner: dict[int, int] = {}  # of the others

    def place(one: int, tried: set[int]) -> bool:
        for other in others:
            if other not in tried and fit(one, other):
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = one
                    return True
        return False

    left = [one for one in ones if not place(one, set())]
    return left, [other for other in others if other not in partner]
