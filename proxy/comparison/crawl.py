"""The pages of a site, found by following its links as far as the bounds allow.

Pure: it is told what was answered and says what to ask next. GET only; what a form would send is never sent, and no
link leads to another origin.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from typing import Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from proxy.comparison.normalise import content_type_of, plain_body
from proxy.comparison.sources import Asked, dressed
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Fields, value

MAX_PAGE_BYTES: Final = 2 * 1024 * 1024
_LEADS: Final = {"a": "href", "area": "href", "iframe": "src", "link": "href", "script": "src", "img": "src"}
_AS_IT_STANDS: Final = "/%:@!$&'()*+,;=~?[]|"


class Crawl:
    """Breadth first from `starts`. `authorities` are the site's, `prefix` its path: no link leads outside."""

    def __init__(
        self,
        starts: Iterable[str],
        authorities: Collection[str],
        *,
        prefix: str = "",
        headers: Fields = (),
        most: int,
        depth: int,
    ) -> None:
        self.skipped: Counter[str] = Counter()
        self._authorities = {authority.lower() for authority in authorities}
        self._prefix = prefix
        self._headers = headers
        self._most = most
        self._depth = depth
        self._known: set[str] = set()
        self._waiting: deque[Asked] = deque()
        for start in starts:
            self._find(start, 0)

    def take(self) -> Asked | None:
        return self._waiting.popleft() if self._waiting else None

    def learn(self, asked: Asked, answer: CapturedAnswer) -> None:
        for link in _links(answer):
            target = self._target(asked.request.target, link)
            if target is not None and target not in self._known:
                if asked.depth >= self._depth:
                    self.skipped["too_deep"] += 1
                else:
                    self._find(target, asked.depth + 1)

    def __len__(self) -> int:
        return len(self._waiting)

    def _find(self, target: str, depth: int) -> None:
        if len(self._known) >= self._most:
            self.skipped["over_the_limit"] += 1
            return
        self._known.add(target)
        request = CapturedRequest("GET", target, (("Accept", "*/*"), ("User-Agent", "strangler")))
        self._waiting.append(Asked(dressed(request, self._headers), depth))

    def _target(self, page: str, link: str) -> str | None:
        """The link as a target on the same site; None for all others."""
        try:
            url = urlsplit(urldefrag(urljoin(f"http://site{self._prefix}{page}", link.strip()))[0])
        except ValueError:
            return None
        if url.scheme not in ("http", "https") or url.netloc.lower() not in {"site", *self._authorities}:
            return None
        path = quote(url.path or "/", safe=_AS_IT_STANDS)
        if not path.startswith(f"{self._prefix}/"):
            return None
        path = path.removeprefix(self._prefix)
        return path + (f"?{quote(url.query, safe=_AS_IT_STANDS)}" if url.query else "")


def _links(answer: CapturedAnswer) -> Iterator[str]:
    """Where a page and a redirect lead."""
    location = value(answer.fields, "location")
    if location and 300 <= answer.status < 400:
        yield location
    body = plain_body(answer)
    if not isinstance(body, bytes) or len(body) > MAX_PAGE_BYTES or "html" not in (content_type_of(answer) or ""):
        return
    for node in LexborHTMLParser(body).css(", ".join(f"{tag}[{name}]" for tag, name in _LEADS.items())):
        link = node.attributes.get(_LEADS[node.tag or "a"])
        if link:
            yield link
