"""Which side answers a user at canary: a stable place for every user, and a line drawn through all places.

A user is a key of some kind; its bucket depends on the key and the salt alone, so it is the same in every process and
on every machine, and a higher weight only adds users. Never on time, chance, or Python's own `hash`.
"""

import re
from base64 import urlsafe_b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import Final, NamedTuple

from proxy.config.model import Route, Stage
from proxy.config.moving import Canary
from proxy.config.policy import Key, KeyKind
from proxy.routing.decision import Decision, Decisions, Side
from proxy.routing.head import Head
from proxy.routing.predicate import Read, read_cookie, read_header

BUCKETS: Final = 10_000

ID_COOKIE: Final = "strangler_id"
"""The cookie of ours that tells users apart where nothing else is named for it."""

MAX_DRAWS: Final = 256
"""Values tried for one such cookie. A draw takes about a microsecond."""

Lines = Mapping[str, tuple[int, ...]]
"""By salt, the buckets at which some route at canary is divided, ascending."""

_ID_BYTES: Final = 16
_ID = re.compile(r"[A-Za-z0-9_-]{22}")

_read_id: Final = read_cookie(ID_COOKIE)
_read_authorization: Final = read_header("authorization")


class UserKind(StrEnum):
    """What a user was told by; part of what is hashed."""

    USER = "user"
    HEADER = "header"
    COOKIE = "cookie"
    OWN = "own"  # the cookie of ours
    IP = "ip"


# An enum's members are slow to reach; these names are for the data path.
HEADER: Final = UserKind.HEADER
OWN: Final = UserKind.OWN
IP: Final = UserKind.IP


class User(NamedTuple):
    """Who asks. `named`: by what the route's `sticky` names, and not by what stands in for it."""

    kind: UserKind
    key: str
    named: bool = False

    @property
    def passing(self) -> bool:
        """Whether a cookie of ours would tell this user better, and may be given."""
        return not self.named and self.kind is not OWN


@dataclass(frozen=True, slots=True)
class Split:
    """How one route at canary is split. The service answers buckets below `below`."""

    salt: str
    weight: float
    below: int
    kind: UserKind | None  # of what `sticky` names; None when it names nothing
    read: Read | None  # reads the named header or cookie
    allow: frozenset[str]
    deny: frozenset[str]
    lines: Lines  # of all routes at canary

    def may_list(self, user: User) -> bool:
        """Whether the lists speak of this user: they hold what `sticky` reads, where it names something."""
        return user.named or self.kind is None


class Chosen(NamedTuple):
    """What was decided for one user, and the bucket, which is there also where something else decided."""

    decision: Decision
    bucket: int


def compile_lines(routes: Iterable[Route]) -> Lines:
    """Where routes at canary are divided."""
    found: dict[str, set[int]] = defaultdict(set)
    for route in routes:
        if route.stage is Stage.CANARY:
            found[salt_of(route)].add(_below(_canary(route)))
    return {salt: tuple(sorted(each)) for salt, each in found.items()}


def compile_split(route: Route, lines: Lines) -> Split | None:
    """How `route` is split; None unless it is at canary. `lines` are those of its whole snapshot."""
    if route.stage is not Stage.CANARY:
        return None
    canary = _canary(route)
    return Split(
        salt=salt_of(route),
        weight=canary.weight,
        below=_below(canary),
        kind=UserKind(canary.sticky.kind) if canary.sticky else None,
        read=_reader(canary.sticky),
        allow=frozenset(canary.allow),
        deny=frozenset(canary.deny),
        lines=lines,
    )


def _canary(route: Route) -> Canary:
    return route.moving.canary or Canary()


def _below(canary: Canary) -> int:
    return round(canary.weight * BUCKETS)


def salt_of(route: Route) -> str:
    """What routes share whose users are to be split alike."""
    return route.group or route.name


def _reader(sticky: Key | None) -> Read | None:
    if sticky is None or sticky.name is None:
        return None
    return read_header(sticky.name.lower()) if sticky.kind is KeyKind.HEADER else read_cookie(sticky.name)


def bucket_of(salt: str, kind: str, key: str) -> int:
    """A user's place, 0 to 9,999. Published in docs/moving.md, with test vectors: it can never change."""
    digest = blake2b(f"{salt}:{kind}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def read_user(split: Split, head: Head, address: str) -> User:
    """Who asks, to this route. `address` is the client's, proxies that are trusted seen through.

    What `sticky` names; without it a cookie of ours, else what authorises the request, else the address. A header or
    cookie that is empty counts as absent, and of a cookie that is sent twice the first counts.
    """
    if split.kind is IP:
        return User(IP, plain_address(address), named=True)
    if split.kind is not None and split.read is not None:
        named = split.read(head)
        if named and named[0]:
            return User(split.kind, named[0], named=True)
    for own in _read_id(head):
        if _ID.fullmatch(own):
            return User(OWN, own)
    credentials = "".join(_read_authorization(head))
    if credentials:  # hashed first, so that no credential is kept, shown or logged as a key
        return User(HEADER, sha256(credentials.encode()).hexdigest())
    return User(IP, plain_address(address))


def plain_address(address: str) -> str:
    """An address as one text: an IPv4 address that came in over an IPv6 socket is an IPv4 address."""
    return address.removeprefix("::ffff:") if "." in address else address


def choose(split: Split, decisions: Decisions, user: User, override: Side | None, pinned: Side | None) -> Chosen:
    """The decision for a user: deny before allow, then a trusted caller's wish, then a pin, then the weight."""
    bucket = bucket_of(split.salt, user.kind, user.key)
    made = decisions.split
    assert made is not None
    if (split.deny or split.allow) and split.may_list(user):
        if user.key in split.deny:
            return Chosen(made.denied, bucket)
        if user.key in split.allow:
            return Chosen(made.allowed, bucket)
    if override is not None:
        return Chosen(decisions.to_legacy if override is Side.LEGACY else decisions.to_service, bucket)
    if pinned is not None:
        return Chosen(made.pinned_to_legacy if pinned is Side.LEGACY else made.pinned_to_service, bucket)
    return Chosen(made.reached if bucket < split.below else made.others, bucket)


def draw_id(split: Split, user: User, seed: int) -> str | None:
    """A value for our cookie that leaves this user where the weights have it, on every route at canary.

    `seed` is 128 random bits. None when no value was found: the user stays told as before, and the next answer tries
    again. It mostly is found at once, since the share of users on a side is the share of values that lead there.
    """
    places = [
        (salt, lines, bisect_right(lines, bucket_of(salt, user.kind, user.key))) for salt, lines in split.lines.items()
    ]
    for number in range(MAX_DRAWS):
        drawn = ((seed + number) % (1 << 8 * _ID_BYTES)).to_bytes(_ID_BYTES, "big")
        own = urlsafe_b64encode(drawn).rstrip(b"=").decode("ascii")
        if all(bisect_right(lines, bucket_of(salt, OWN, own)) == place for salt, lines, place in places):
            return own
    return None
