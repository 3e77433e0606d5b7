"""How sections of moving become values."""

from proxy.config.assemble_moving import assemble_moving, first_weight
from proxy.config.moving import DEFAULT_MOVING, OnBreach
from proxy.config.written import DefaultsSection
from proxy.config.written_route import RouteSection

ROUTE = {"name": "r", "match": "/a"}


def test_what_is_written_with_its_default_goes_before_the_defaults() -> None:
    defaults = DefaultsSection.model_validate({"legacy": "monolith", "on_breach": "alert"})
    assert assemble_moving(RouteSection.model_validate(ROUTE), defaults).on_breach is OnBreach.ALERT
    route = RouteSection.model_validate({**ROUTE, "on_breach": "rollback"})
    assert assemble_moving(route, defaults) is DEFAULT_MOVING


def test_a_canary_begins_with_its_first_step() -> None:
    assert first_weight([]) == 0.01
    assert first_weight([0.2, 0.5]) == 0.2
