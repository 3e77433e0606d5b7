import pytest

from proxy.config.model import DEFAULT_ROUTE, PathRewrite
from proxy.config.policy import AggregatePart
from proxy.routing.decision import Decision, Reason, Side, decide
from tests.support.routing import head, route, table


def decision(made, override=None) -> Decision:
    return decide(table(made).match(head("/a")), "monolith", override)


def test_the_stage_decides_which_side_answers():
    assert decision(route("r", "/a", stage="legacy")) == Decision("r", Side.LEGACY, Reason.STAGE, "monolith", False)
    assert decision(route("r", "/a", stage="cutover")) == Decision("r", Side.SERVICE, Reason.STAGE, "service", False)
    assert decision(route("r", "/a", stage="retired")) == Decision("r", Side.NONE, Reason.RETIRED, None, False)


@pytest.mark.parametrize("override", [None, Side.LEGACY, Side.SERVICE])
def test_what_no_route_claims_goes_to_the_monolith(override):
    assert decide(None, "monolith", override) == Decision(DEFAULT_ROUTE, Side.LEGACY, Reason.DEFAULT, "monolith", False)


@pytest.mark.parametrize("stage", ["legacy", "cutover", "retired"])
def test_a_trusted_caller_may_ask_for_either_side(stage):
    made = route("r", "/a", stage=stage)
    assert decision(made, Side.LEGACY) == Decision("r", Side.LEGACY, Reason.OVERRIDE, "monolith", False)
    assert decision(made, Side.SERVICE) == Decision("r", Side.SERVICE, Reason.OVERRIDE, "service", False)


@pytest.mark.parametrize("stage", ["legacy", "retired"])
def test_asking_for_a_service_that_the_route_does_not_have_changes_nothing(stage):
    made = route("r", "/a", stage=stage, to=None)
    assert decision(made, Side.SERVICE) == decision(made)


def test_only_the_service_is_sent_a_rewritten_path():
    made = route("r", "/a/**", rewrite=PathRewrite(prefix="/b"))
    assert decision(made).rewrites
    assert not decision(made, Side.LEGACY).rewrites
    assert not decision(route("r", "/a/**", rewrite=PathRewrite(prefix="/b"), stage="legacy")).rewrites


def test_a_decision_is_made_once_and_given_to_every_request():
    routes = table(route("r", "/a"))
    matched = routes.match(head("/a"))
    assert decide(matched, "monolith") is decide(routes.match(head("/a")), "monolith")
    assert decide(None, "monolith") is decide(None, "monolith")


def test_a_route_at_cutover_without_a_service_is_refused():
    with pytest.raises(ValueError, match="no service"):
        table(route("r", "/a", stage="cutover", to=None))


PARTS = (AggregatePart("order", "service", "/orders"),)


def test_a_composed_answer_is_the_service_s_side_without_an_upstream():
    made = route("r", "/a", to=None, aggregate=PARTS)
    assert decision(made) == Decision("r", Side.SERVICE, Reason.STAGE, None, False)


def test_a_trusted_caller_may_ask_for_a_composed_answer_before_its_time():
    made = route("r", "/a", stage="legacy", to=None, aggregate=PARTS)
    assert decision(made) == Decision("r", Side.LEGACY, Reason.STAGE, "monolith", False)
    assert decision(made, Side.LEGACY) == Decision("r", Side.LEGACY, Reason.OVERRIDE, "monolith", False)
    assert decision(made, Side.SERVICE) == Decision("r", Side.SERVICE, Reason.OVERRIDE, None, False)


def test_at_canary_every_decision_there_can_be_is_made_beforehand():
    found = table(route("r", "/a/**", stage="canary", rewrite=PathRewrite(prefix="/b"))).match(head("/a")).decisions
    made = {(one.side.value, one.reason.value, one.upstream, one.rewrites) for one in found}
    legacy = {("legacy", reason, "monolith", False) for reason in ("weight", "pin", "deny", "override")}
    assert made == legacy | {("service", reason, "service", True) for reason in ("weight", "pin", "allow", "override")}
    assert len(list(found)) == 8


def test_the_decisions_of_a_route_are_each_there_once():
    found = table(route("r", "/a", stage="legacy", to=None)).match(head("/a")).decisions
    assert list(found) == [found.normal, found.to_legacy]
