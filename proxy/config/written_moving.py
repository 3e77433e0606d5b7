"""Moving a route as a user writes it: who goes first, what must hold, who writes what."""

from typing import Annotated

from pydantic import ConfigDict, Field

from proxy.config.moving import Canary, Gates, Handover, Hooks, Writes
from proxy.config.written_kinds import (
    ClientKey,
    CustomLimit,
    ErrorLimit,
    Flag,
    HookUrl,
    Interval,
    LatencyLimit,
    MatchLimit,
    Name,
    Queue,
    SampleLimit,
    Section,
    Share,
    ShareAboveZero,
    StickyValue,
    SyncPath,
    Text,
    Timeout,
    Wait,
    Window,
    shared,
)

MAX_STEPS = 50
MAX_LISTED = 1000


class CanarySection(Section):
    weight: Share | None = None
    """Share of the users that the service answers: 25%. Without it, the first of steps, or 1%."""
    steps: Annotated[list[ShareAboveZero], Field(max_length=MAX_STEPS)] = shared([])
    """Shares to raise the weight to, one after the other, while the gates hold: [1%, 5%, 25%, 100%]."""
    hold: Wait = Canary().hold
    """How long at every step, at least."""
    sticky: ClientKey | None = None
    """What a user is: { header: X }, { cookie: X } or ip. Without it, a cookie of the proxy's, else who authorises."""
    allow: Annotated[list[StickyValue], Field(max_length=MAX_LISTED)] = shared([])
    """Users that always go to the service, by what sticky reads."""
    deny: Annotated[list[StickyValue], Field(max_length=MAX_LISTED)] = shared([])
    """Users that never do."""
    paused: Flag = Canary().paused
    """Whether nobody but a person moves the weight."""
    dry_run: Flag = Canary().dry_run
    """Whether the moves of a rollout are only told, and not made."""


class CustomGateSection(Section):
    query: Text
    """What Prometheus is asked for, in PromQL; one number."""
    url: HookUrl
    """Prometheus: http://prometheus:9090."""
    limit: CustomLimit
    """What the number must be: "<= 5"."""


class GatesSection(Section):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, CustomGateSection]

    window: Window = Gates().window
    """How far back is looked."""
    samples: SampleLimit | None = None
    """How many requests the service must have answered: ">= 500"."""
    match_rate: MatchLimit | None = None
    """Share of compared answers that are equal: ">= 99.9%"."""
    error_rate: ErrorLimit | None = None
    """Share of answers that failed (5xx): "<= 1%", or "<= legacy + 0.1%"."""
    latency_p95: LatencyLimit | None = None
    """What 95% of the answers were quicker than: "<= 300ms", or "<= legacy * 1.2"."""

    @property
    def custom(self) -> dict[str, CustomGateSection]:
        """Gates on what Prometheus knows: whatever other names there are."""
        return self.__pydantic_extra__


class HooksSection(Section):
    before_step: HookUrl | None = None
    """Asked before a rollout's next step (POST): anything but 2xx keeps the step back."""
    after_rollback: HookUrl | None = None
    """Told of a rollback (POST)."""
    timeout: Timeout = Hooks().timeout
    """How long either may take."""


class WritesSection(Section):
    entities: Annotated[list[Name], Field(min_length=1, max_length=50)]
    """What these requests change: [order, payment, stock]. Each has one writer at a time."""
    point_of_no_return: Flag = Writes(()).point_of_no_return
    """Whether, after the cutover, going back takes a person who insists."""


class HandoverSection(Section):
    hold_timeout: Interval = Handover().hold_timeout
    """How long a write may be held while the writing moves; then it is answered 503."""
    queue: Queue = Handover().queue
    """How many may be held, all workers together; above it 503 at once."""
    drain_timeout: Interval = Handover().drain_timeout
    """How long the new side may take to hear all that the old one wrote."""


class SyncSection(Section):
    path: SyncPath
    """Where this upstream tells who writes what: /internal/sync."""
    token: Text
    """Bearer token that it wants there: "${INTERNAL_TOKEN}"."""
