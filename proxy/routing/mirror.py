"""Whose answers are only compared: the side that is sent copies of a route's requests.

Stage and side alone decide. Which methods are copied is the setting's to say (`Shadow.methods`); which share of them,
and whether there is room for another copy, the data path's.
"""

from proxy.config.model import Route, Stage
from proxy.routing.decision import Decision, Decisions, Side


def is_mirrored(route: Route) -> bool:
    """Whether copies of its requests go to the side that does not answer."""
    return route.shadow is not None and route.to is not None and route.stage in _MIRRORED


def copied_as(route: Route, decisions: Decisions, answering: Side) -> Decision | None:
    """The decision that copies follow: that of the side which does not answer. None where nothing is copied."""
    if not is_mirrored(route):
        return None
    return decisions.to_legacy if answering is Side.SERVICE else decisions.to_service


_MIRRORED = (Stage.SHADOW, Stage.CANARY, Stage.CUTOVER)
