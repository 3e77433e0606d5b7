"""Which routes are mirrored, and where their copies go."""

import pytest

from proxy.config.compare import Shadow
from proxy.routing.decision import Side, foresee
from proxy.routing.mirror import copied_as, is_mirrored
from tests.support.routing import route


@pytest.mark.parametrize(
    ("stage", "shadow", "to", "copies_to"),
    [
        ("legacy", Shadow(), "service", None),
        ("shadow", Shadow(), "service", "service"),
        ("canary", Shadow(), "service", "service"),
        ("canary", None, "service", None),
        ("cutover", Shadow(), "service", "monolith"),
        ("cutover", None, "service", None),
        ("retired", Shadow(), "service", None),
        ("legacy", Shadow(), None, None),
    ],
)
def test_copies_go_to_the_side_that_does_not_answer(
    stage: str, shadow: Shadow | None, to: str | None, copies_to: str | None
) -> None:
    made = route("r", "/a", stage=stage, to=to, shadow=shadow)
    decisions = foresee(made, "monolith", rewrites=True)
    copied = copied_as(made, decisions, decisions.normal.side)
    assert (copied.upstream if copied else None) == copies_to
    assert is_mirrored(made) is (copies_to is not None)


def test_copies_for_the_service_are_rewritten_as_its_requests_are() -> None:
    for stage, rewritten in (("shadow", True), ("cutover", False)):
        made = route("r", "/a", stage=stage, shadow=Shadow())
        decisions = foresee(made, "monolith", rewrites=True)
        copied = copied_as(made, decisions, decisions.normal.side)
        assert copied is not None
        assert copied.rewrites is rewritten


def test_at_canary_copies_go_to_whichever_side_does_not_answer_this_user() -> None:
    made = route("r", "/a", stage="canary", shadow=Shadow())
    decisions = foresee(made, "monolith", rewrites=False)
    assert copied_as(made, decisions, Side.LEGACY) is decisions.to_service
    assert copied_as(made, decisions, Side.SERVICE) is decisions.to_legacy
