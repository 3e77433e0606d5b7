"""What outlives a snapshot is kept by key."""

import pytest

from proxy.runtime.registry import Registry


class Story:
    """A registry of numbered things, and notes of what was made and retired."""

    def __init__(self):
        self.notes = []
        self.refused = None
        self.registry = Registry(self.make, lambda thing: self.notes.append(f"retire {thing}"))

    def make(self, key):
        if key == self.refused:
            raise OSError(key)
        self.notes.append(f"make {key}")
        return [key]


def test_things_are_made_once_and_kept_while_they_are_wanted():
    story = Story()
    first = story.registry.reconcile(["a", "b"])
    second = story.registry.reconcile(["b", "c", "b"])
    assert story.notes == ["make a", "make b", "make c", "retire ['a']"]
    assert second["b"] is first["b"]
    assert list(story.registry.values()) == [["b"], ["c"]]


def test_a_thing_that_comes_back_is_made_anew():
    story = Story()
    first = story.registry.reconcile(["a"])["a"]
    story.registry.reconcile([])
    assert story.registry.reconcile(["a"])["a"] is not first


def test_where_one_cannot_be_made_nothing_changes():
    story = Story()
    kept = story.registry.reconcile(["a", "b"])
    story.refused = "d"
    with pytest.raises(OSError, match="d"):
        story.registry.reconcile(["b", "c", "d"])
    assert "retire" not in " ".join(story.notes)
    assert list(story.registry.values()) == list(kept.values())
    story.refused = None
    assert story.registry.reconcile(["b"])["b"] is kept["b"]
