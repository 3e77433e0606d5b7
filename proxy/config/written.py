"""routes.yaml as it may be written: one class a section, one field a key, with the sentence an editor shows for it.

Defaults are those of the model, never repeated. Short forms are made long before a section is read. Rules that need
two keys are in `rules`. Nothing outside this package sees these types.
"""

from typing import Annotated

from pydantic import Field

from proxy.config.model import AccessLog
from proxy.config.moving import DEFAULT_MOVING
from proxy.config.written_compare import CompareSection
from proxy.config.written_kinds import AccessLogChoice, Name, OnBreachChoice, Section, Text, Version, Wait, shared
from proxy.config.written_listen import ListenSection
from proxy.config.written_moving import GatesSection, HandoverSection, HooksSection
from proxy.config.written_route import RouteSection
from proxy.config.written_upstream import UpstreamSection


class DefaultsSection(Section):
    legacy: Name
    """Upstream that answers every request no route claims: the monolith."""
    compare: CompareSection | None = None
    """How every route's two sides are compared."""
    gates: GatesSection | None = None
    """What must hold before a route moves on."""
    on_breach: OnBreachChoice = DEFAULT_MOVING.on_breach
    """What happens when a gate is certainly broken: rollback, pause or alert."""
    hooks: HooksSection = shared(HooksSection())
    """Who is asked before a rollout's next step, and told of its rollbacks."""
    pin: Wait = DEFAULT_MOVING.pin
    """How long after a write its user stays with the side that took it; 0s: not at all."""
    handover: HandoverSection = shared(HandoverSection())
    """How the writing of entities moves."""


class LogSection(Section):
    access: AccessLogChoice = AccessLog.ERRORS
    """Which requests leave a line: every one, those that failed, none."""


class FileSection(Section):
    """The table of a strangler-fig proxy: which requests the monolith answers, and which a service."""

    version: Version
    """Version of this format: 1."""
    listen: ListenSection = shared(ListenSection())
    """Where the proxy serves, whom it believes, how it stops."""
    upstreams: Annotated[dict[Name, UpstreamSection], Field(min_length=1)]
    """The monolith and the services, by name."""
    defaults: DefaultsSection
    """What holds where nothing else is said."""
    routes: list[RouteSection] = shared([])
    """The routes; what none of them claims goes to the monolith."""
    log: LogSection = shared(LogSection())
    """What is logged."""
    state: Text = ".strangler"
    """Folder for what the proxy keeps: the console's token, and what comparisons found. Relative to this file."""
