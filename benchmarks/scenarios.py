"""What is measured: which requests, how many at once, by which peers set up how, and against what they are held."""

from collections.abc import Sequence
from dataclasses import dataclass

GET_1K = "/api/products/7431"
GET_100K = "/api/products/7431/image"
POST_10K = "/api/orders"

VISITORS = 997
VISITOR = "{visitor}"
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "application/json, text/plain, */*",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Cookie": f"sessionid=6d7f1c2b9a4e4f0db8a3c5e1{VISITOR}; csrftoken=Zk3Qm8Vt1xYw; theme=dark",
    "traceparent": f"00-4bf92f3577b34da6a3ce929d{VISITOR}-00f067aa{VISITOR}-01",
}
"""What a browser's request carries beside Host; a load generator's bare GET would flatter everybody. Eight hexadecimal
digits of VISITOR differ from visitor to visitor."""


def visitor_digits(number: int) -> str:
    """Eight digits that differ from visitor to visitor (Knuth's multiplicative hash); load.lua says the same."""
    return f"{number * 2654435761 % 2**32:08x}"


BODY_BYTES = {GET_1K: 1024, GET_100K: 100 * 1024, POST_10K: 2}
"""Length of the answer to each path; checked before anything is measured."""


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` is requests a second on one connection, evenly spaced; without it, as many as the connections carry.

    Requests differ between `visitors` in turn; with one, all are alike.
    """

    path: str
    connections: int = 64
    visitors: int = VISITORS
    sent_body_bytes: int = 0
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer in one set-up. `label` names it in the tables."""

    label: str
    peer: str
    routes: int = 200
    access_log: bool = False
    guarded: bool = False  # ours only: two endpoints, breaker, bulkhead and retries; other routes at canary or writing
    canary: bool = False  # ours only: the measured route at canary, half of the users on either side


@dataclass(frozen=True, slots=True)
class Scenario:
    """`baseline` is the label whose figures are 1.00. Empty `contenders` means every peer as it usually runs."""

    name: str
    title: str
    load: Load
    baseline: str = "nginx"
    access_log: bool = False
    contenders: Sequence[Contender] = ()

    def field(self, peers: Sequence[str]) -> list[Contender]:
        """Who takes part, of the peers that are there."""
        if self.contenders:
            return [contender for contender in self.contenders if contender.peer in peers]
        return [Contender(peer, peer, access_log=self.access_log) for peer in peers]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("get1k_c64", "GET, 1 KiB answers, 64 connections, requests alike", Load(GET_1K, visitors=1)),
        Scenario("get1k_visitors_c64", "GET, 1 KiB answers, 64 connections, no two requests alike", Load(GET_1K)),
        Scenario("get1k_c1", "GET, 1 KiB answers, 1 connection", Load(GET_1K, connections=1)),
        Scenario("get100k_c64", "GET, 100 KiB answers, 64 connections", Load(GET_100K)),
        Scenario("post10k_c64", "POST, 10 KiB bodies, 64 connections", Load(POST_10K, sent_body_bytes=10 * 1024)),
        Scenario(
            "lat200", "GET, 1 KiB answers, 200 requests a second, 1 connection", Load(GET_1K, connections=1, rate=200)
        ),
        Scenario("get1k_c64_log", "GET, 1 KiB answers, 64 connections, access logs on", Load(GET_1K), access_log=True),
        Scenario(
            "guarded",
            "GET, 1 KiB answers, 64 connections, requests alike, without and with breaker, bulkhead, retries, two"
            " endpoints to choose from, routes at canary and writes that may be handed over; and at canary itself",
            Load(GET_1K, visitors=1),
            contenders=(
                Contender("nginx", "nginx"),
                Contender("engine", "engine"),
                Contender("engine, guarded", "engine", guarded=True),
                Contender("engine, guarded, at canary", "engine", guarded=True, canary=True),
            ),
        ),
        Scenario(
            "routes",
            "GET, 1 KiB answers, 64 connections, with more and more routes",
            Load(GET_1K),
            baseline="engine, 1 route",
            contenders=(
                Contender("engine, 1 route", "engine", routes=1),
                Contender("engine, 200 routes", "engine", routes=200),
                Contender("engine, 1,000 routes", "engine", routes=1000),
            ),
        ),
    )
}

QUICK = ("get1k_c64", "lat200")
