"""Whose answers are only compared: the side that is sent copies of a route's requests.

Stage alone decides. Which methods are copied is the setting's to say (`Shadow.methods`); which share of them, and
whether there is room for another copy, the data path's.
"""

from proxy.config.model import Route, Stage
from proxy.routing.decision import Decision, Decisions


def is_mirrored(route: Route) -> bool:
    """Whether copies of its requests go to the side that does not answer."""
    return route.shadow is not None and route.to is not None and route.stage in (Stage.SHADOW, Stage.CUTOVER)


def copied_as(route: Route, decisions: Decisions) -> Decision | None:
    """The decision that copies follow: the service's while the monolith answers, the monolith's after cutover."""
    if not is_mirrored(route):
        return None
    return decisions.to_legacy if route.stage is Stage.CUTOVER else decisions.to_service
