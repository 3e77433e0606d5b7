"""Shadowing and comparing as a user writes them: which requests are mirrored, and which differences do not count."""

from typing import Annotated

from pydantic import Field

from proxy.config.compare import DEFAULT_COMPARE, DEFAULT_SHADOW
from proxy.config.written_kinds import (
    ComparedHeader,
    ComparedPath,
    Count,
    Day,
    Flag,
    IgnoredHeader,
    MaskExpression,
    PairSize,
    Queue,
    Section,
    Selector,
    ShareAboveZero,
    Status,
    Text,
    Timeout,
    ToleratedDistance,
    in_bytes,
    in_percent,
    shared,
)


class IgnoreSection(Section):
    path: ComparedPath | None = None
    """JSON path of what is not compared: $.created_at, $.items[*].id, $..request_id."""
    header: IgnoredHeader | None = None
    """Header that is not compared; Set-Cookie:NAME for one cookie alone."""
    css: Selector | None = None
    """CSS selector of the HTML elements that are not compared, with all that is in them."""
    because: Text | None = None
    """Why the difference does not count: reports show it."""
    until: Day | None = None
    """Last day on which the rule applies; from the next day on the difference counts again."""


class CompareSection(Section):
    sample: ShareAboveZero = in_percent(DEFAULT_COMPARE.sample)
    """Share of the mirrored requests whose answers are compared."""
    ignore: list[IgnoreSection] = shared([])
    """What is not compared: each entry has one of path, header and css. Adds to defaults.compare.ignore."""
    unordered: list[ComparedPath] = shared([])
    """JSON paths of arrays whose order means nothing. Adds to defaults.compare.unordered."""
    tolerance: dict[ComparedPath, ToleratedDistance] = shared({})
    """How far apart two numbers may be, by JSON path: a distance (0.005) or a share of the larger one (1%)."""
    mask: dict[ComparedPath, MaskExpression] = shared({})
    """What is taken out of texts before they are compared, by JSON path: an RE2 expression. $ is the text of a page."""
    headers: list[ComparedHeader] = Field(
        default_factory=lambda: list(DEFAULT_COMPARE.headers), json_schema_extra={"default": [*DEFAULT_COMPARE.headers]}
    )
    """Which headers are compared; no other is."""
    equal_status: list[Annotated[list[Status], Field(min_length=2)]] = shared([])
    """Lists of statuses that mean the same: [[200, 204]]."""
    null_is_missing: Flag = DEFAULT_COMPARE.null_is_missing
    """Whether a member that is null is the same as none."""


class ShadowSection(Section):
    sample: ShareAboveZero = in_percent(DEFAULT_SHADOW.sample)
    """Share of the route's requests that are copied to the other side."""
    max_in_flight: Count = DEFAULT_SHADOW.max_in_flight
    """Copies being answered at one time, all workers together."""
    queue: Queue = DEFAULT_SHADOW.queue
    """Copies that may wait for their turn; above it they are dropped, and counted."""
    timeout: Timeout = DEFAULT_SHADOW.timeout
    """How long the answer to a copy may take."""
    max_body: PairSize = in_bytes(DEFAULT_SHADOW.max_body_bytes)
    """Largest body, of a request or an answer, that is copied or compared."""
    allow_writes: Flag = DEFAULT_SHADOW.allow_writes
    """Copy also methods that change something. The side that gets the copies must be sandboxed: true."""
