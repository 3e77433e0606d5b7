"""What outlives a snapshot, and what does not."""

import pytest

from proxy.runtime.registry import Registry


class Things:
    """Makes numbered things, and remembers what was retired."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.retired: list[str] = []
        self.registry = Registry(self._make, self.retired.append)

    def _make(self, key: str) -> str:
        if key == "broken":
            raise OSError("cannot be made")
        self.made.append(key)
        return f"{key}#{len(self.made)}"


def test_a_thing_that_is_wanted_again_is_kept() -> None:
    things = Things()
    first = things.registry.reconcile(["a", "b"])
    assert things.registry.reconcile(["b", "a"]) == first
    assert (things.made, things.retired) == (["a", "b"], [])


def test_only_what_is_not_wanted_any_more_is_retired() -> None:
    things = Things()
    things.registry.reconcile(["a", "b"])
    assert things.registry.reconcile(["b", "c"]) == {"b": "b#2", "c": "c#3"}
    assert things.retired == ["a#1"]
    assert list(things.registry.values()) == ["b#2", "c#3"]


def test_a_thing_that_comes_back_is_made_anew() -> None:
    things = Things()
    for wanted in (["a"], [], ["a"]):
        live = things.registry.reconcile(wanted)
    assert live == {"a": "a#2"}


def test_when_one_cannot_be_made_nothing_has_changed() -> None:
    things = Things()
    before = things.registry.reconcile(["a"])
    with pytest.raises(OSError, match="cannot be made"):
        things.registry.reconcile(["b", "broken"])
    assert things.retired == []
    assert things.registry.reconcile(["a"]) == before
