"""How routes.yaml wants a route's two sides compared: which requests are mirrored, and which differences do not count.

Settings alone, validated, with units resolved: shares are 0..1, sizes bytes. Paths are texts that `json_path` reads,
masks texts that RE2 compiles. What follows them lives in `proxy.comparison` and on the data path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from proxy.config.place import Place

COMPARED_HEADERS = (
    "Allow",
    "Cache-Control",
    "Content-Disposition",
    "Content-Language",
    "Content-Type",
    "Location",
    "Retry-After",
    "Set-Cookie",
    "Vary",
    "WWW-Authenticate",
)
"""What a client acts upon. The rest says who answered and when, and two systems never agree about that."""

SAFE_METHODS = frozenset({"GET", "HEAD"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """What is not compared: exactly one of the first three is set. After the day `until` the rule is no more."""

    path: str | None = None  # a JSON path
    header: str | None = None
    css: str | None = None  # a selector of HTML elements
    because: str | None = None
    until: date | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def subject(self) -> str:
        """What it is about, as commands and reports write it: `$.a.b`, `header:Date`, `css:.clock`."""
        if self.header is not None:
            return f"header:{self.header}"
        return self.path if self.path is not None else f"css:{self.css}"

    def holds(self, today: date) -> bool:
        """Whether the rule still applies; on its last day it does."""
        return self.until is None or today <= self.until


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two numbers may be: exactly one is set. `relative` is a share of the larger of the two."""

    absolute: float | None = None
    relative: float | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """What makes two answers differ. `sample` is the share of mirrored requests whose answers are compared."""

    sample: float = 1.0
    ignore: tuple[IgnoreRule, ...] = ()
    unordered: tuple[str, ...] = ()  # JSON paths of arrays whose order means nothing
    tolerance: Mapping[str, Tolerance] = field(default_factory=dict)  # by JSON path
    mask: Mapping[str, str] = field(default_factory=dict)  # JSON path -> RE2 whose matches are taken out of a text
    headers: tuple[str, ...] = COMPARED_HEADERS
    equal_status: tuple[frozenset[int], ...] = ()  # statuses of one set are one outcome
    null_is_missing: bool = False


DEFAULT_COMPARE = Compare()


@dataclass(frozen=True, slots=True)
class Shadow:
    """Which requests are copied to the side that does not answer, and how much that may cost. All workers together."""

    sample: float = 1.0
    max_in_flight: int = 50  # copies being answered at one time
    queue: int = 100  # copies that may wait for that; above it they are dropped, and counted
    timeout: timedelta = timedelta(seconds=5)
    max_body_bytes: int = 256 * 1024  # of a request or an answer; larger ones are not compared
    allow_writes: bool = False

    @property
    def methods(self) -> frozenset[str]:
        """The methods that are copied. Of unknown ones nobody can tell what asking twice does."""
        return SAFE_METHODS | WRITES if self.allow_writes else SAFE_METHODS


DEFAULT_SHADOW = Shadow()
