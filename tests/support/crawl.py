"""Every page of a site that a visitor can reach by links, asked for at two addresses and compared.

What may differ between two answers to the same request is listed in `normal_fields` and `normal_body`; everything
else must be equal, byte by byte.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit

import httpx

# Fields that belong to the message or to the hop, not to the page: when it was sent, how it was framed, which request
# it answers.
OF_THE_HOP = frozenset({"date", "connection", "keep-alive", "transfer-encoding", "x-request-id"})
# Django masks the token anew for each page, and draws the cookies' values for each visitor.
CSRF_TOKEN = re.compile(rb'(name="csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}"')
VALUE = re.compile(r"[0-9]+|(?<==)[^&]*|[0-9a-f-]{36}|[A-Z]+-[0-9]+|(?<=/media/products/)[a-z]+")
PAGE_KEYS = frozenset({"page", "p"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person at two addresses: a client with its own session at each."""

    direct: httpx.Client
    proxied: httpx.Client

    def differences(self, target: str, method: str = "GET", **more: object) -> tuple[httpx.Response, list[str]]:
        """Ask both; the direct answer, and what is not equal in words."""
        answers = [client.request(method, target, **more) for client in (self.direct, self.proxied)]  # type: ignore[arg-type]  # httpx's own keywords
        return answers[0], list(compare(*answers))


def compare(direct: httpx.Response, proxied: httpx.Response) -> Iterator[str]:
    if direct.status_code != proxied.status_code:
        yield f"status {direct.status_code}, through the proxy {proxied.status_code}"
    ours, theirs = normal_fields(direct), normal_fields(proxied)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{name}: {ours.get(name)}, through the proxy {theirs.get(name)}"
    if normal_body(direct) != normal_body(proxied):
        yield f"a body of {len(direct.content)} bytes, through the proxy another of {len(proxied.content)}"
    if "x-request-id" in direct.headers or "x-request-id" not in proxied.headers:
        yield "one of the two did not come the way it should"


def normal_fields(answer: httpx.Response) -> dict[str, list[str]]:
    """Fields by name, each with its values in order."""
    fields: dict[str, list[str]] = {}
    for name, value in answer.headers.multi_items():
        if name in OF_THE_HOP or (name == "content-length" and answer.status_code == 204):
            continue  # a 204 may have no length (RFC 9110 section 8.6), and the monolith's server writes one
        if name == "set-cookie":
            value = normal_cookie(value, answer.headers["date"])
        elif name == "expires":
            value = from_now(value, answer.headers["date"])
        elif name == "location":  # an absolute one names the address that was asked
            value = value.replace(f"http://{answer.request.url.netloc.decode()}/", "http://shop/")
        fields.setdefault(name, []).append(value)
    return fields


def normal_cookie(text: str, sent: str) -> str:
    """A cookie's name and attributes. Its value, when it has one, is the visitor's own, and it expires from now."""
    pair, *attributes = text.split("; ")
    name, _, value = pair.partition("=")
    if not value.strip('"'):
        return text
    written = [f"expires={from_now(each[8:], sent)}" if each[:8] == "expires=" else each for each in attributes]
    return "; ".join([f"{name}=…", *written])


def from_now(moment: str, sent: str) -> str:
    """A date as minutes after that of its message."""
    return f"in {round((parsedate_to_datetime(moment) - parsedate_to_datetime(sent)).total_seconds() / 60)} min"


def normal_body(answer: httpx.Response) -> bytes:
    return CSRF_TOKEN.sub(rb'\1token"', answer.content)


def crawl(
    visitor: Visitor, starts: Iterable[str], *, most_of_a_kind: int | None = None
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Follow every link from `starts`: the status of each page, and the differences of those that have some.

    Sorting and filter links multiply without end, so a page with a query leads on only to plain paths and to its
    next pages. `most_of_a_kind` bounds how many pages are looked at whose targets differ only in numbers and values.
    """
    kinds: Counter[str] = Counter()
    statuses: dict[str, int] = {}
    different: dict[str, list[str]] = {}
    waiting = deque(starts)
    known = set(waiting)
    while waiting:
        target = waiting.popleft()
        kinds[kind := VALUE.sub("", target)] += 1
        if most_of_a_kind is not None and kinds[kind] > most_of_a_kind:
            continue
        answer, differences = visitor.differences(target)
        statuses[target] = answer.status_code
        if differences:
            different[target] = differences
        for link in links(answer):
            if link not in known and (not urlsplit(target).query or is_plain(link)):
                known.add(link)
                waiting.append(link)
    return statuses, different


def is_plain(target: str) -> bool:
    return set(parse_qs(urlsplit(target).query, keep_blank_values=True)) <= PAGE_KEYS


def links(answer: httpx.Response) -> list[str]:
    """Targets on the same site that a page, or a redirect, leads to."""
    found = [answer.headers["location"]] if "location" in answer.headers else []
    if answer.headers.get("content-type", "").startswith("text/html"):
        collector = _Links()
        collector.feed(answer.text)
        found += collector.found
    here = answer.request.url
    absolute = [urlsplit(urldefrag(urljoin(str(here), link)).url) for link in found]
    return [
        f"{url.path}?{url.query}" if url.query else url.path
        for url in absolute
        if url.scheme == here.scheme and url.netloc == here.netloc.decode()
    ]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"a": "href", "link": "href", "img": "src", "script": "src"}.get(tag)
        self.found += [value for name, value in attrs if name == wanted and value]
