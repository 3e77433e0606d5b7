"""Which member of a group handles which partitions: every member computes the same answer from the same facts."""

from collections.abc import Collection


def share(partitions: int, members: Collection[str], me: str) -> set[int]:
    """My partitions: dealt out in turn over the members in the order of their names. All of them when I am alone."""
    order = sorted({*members, me})
    return set(range(order.index(me), partitions, len(order)))
