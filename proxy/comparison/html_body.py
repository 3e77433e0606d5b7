"""HTML pages as trees of elements and texts, without what rules ignore and what is new in every answer by design.

The parser and its selectors are those of a browser (lexbor), in C, and quadratic in the depth of a page and in the
attributes of an element. So both are counted first, as far as tags tell them; this is linear, and never exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from proxy.comparison.findings import TooMuch
from proxy.comparison.json_body import TooDeep

MAX_DEPTH: Final = 96
MAX_UNCLOSED: Final = 512  # tags; a page may leave some out where it is not deep
MAX_ATTRIBUTES: Final = 1000  # blanks in one tag, which are at least as many
MAX_NODES: Final = 50_000
LONG_TAG: Final = 2000  # bytes; shorter ones hold few attributes

TOKENS: Final = frozenset(
    {"csrfmiddlewaretoken", "csrf_token", "_csrf", "_csrf_token", "csrf-token", "authenticity_token",
     "__requestverificationtoken", "_token"}
)  # fmt: skip
"""Names of inputs and metas whose value protects a form, and is another one in every answer."""

_TAG = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|xmp|iframe)\b.*?(?:</\1|\Z)|<(/?)([a-z][^\s/>]*)([^<>]*)",
    re.IGNORECASE | re.DOTALL,
)
_OPEN_END: Final = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li dt dd option optgroup tr td th thead"
    b" tbody tfoot colgroup html head body".split()
)  # elements without an end tag, or that the next one ends
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


class Element(NamedTuple):
    """`attributes` by name; what is the same in any order is sorted. Texts have their white space collapsed."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str]


Node = Element | str


def read_html(text: str, ignored: Sequence[str]) -> Element:
    """The page without the elements that a selector of `ignored` finds. Raises TooDeep, TooMuch."""
    from selectolax.lexbor import LexborHTMLParser  # here: it takes 50 ms, and most routes answer JSON

    page = text.encode("utf-8", "replace")
    _check(page)
    parser: Any = LexborHTMLParser(page)
    if parser.root is None:
        return Element("html", {}, [])
    gone = {node.mem_id for selector in ignored for node in parser.css(selector)}
    return _tree(parser.root, gone)


def _check(page: bytes) -> None:
    """Refuse what would cost the parser more than its length. Raises TooDeep, TooMuch."""
    if page.count(b"<") > 2 * MAX_NODES:  # start and end tags
        raise TooMuch
    still_open: dict[bytes, int] = {}
    depth = 0
    for found in _TAG.finditer(page):
        name = (found[3] or b"").lower()
        foreign = still_open.get(b"svg") or still_open.get(b"math")  # other rules there: HTML Standard section 13.2.6.5
        if not name or (found[4].endswith(b"/") if foreign else name in _OPEN_END):
            continue
        if not found[2]:
            still_open[name] = still_open.get(name, 0) + 1
            depth += 1
        elif still_open.get(name):
            still_open[name] -= 1
            depth -= 1
        if depth > MAX_UNCLOSED:
            raise TooDeep
    for piece in page.split(b"<"):
        if len(piece) > LONG_TAG and piece[:1].isalpha():
            tag = _QUOTED.sub(b"", piece).partition(b">")[0]
            if len(tag.split()) > MAX_ATTRIBUTES or len(piece.partition(b">")[0].split()) > 10 * MAX_ATTRIBUTES:
                raise TooMuch


def _tree(root: Any, gone: set[int]) -> Element:
    """Built without recursion: (node, the children it goes to)."""
    top: list[Node] = []
    waiting: list[tuple[Any, list[Node], int]] = [(root, top, 1)]
    nodes = 0
    while waiting:
        node, siblings, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise TooMuch
        if node.next is not None and node is not root:
            waiting.append((node.next, siblings, depth))
        if node.is_text_node:
            _put_text(siblings, node.text_content or "")
        elif node.is_element_node and node.mem_id not in gone:
            if depth > MAX_DEPTH:
                raise TooDeep
            element = Element(node.tag, _attributes(node), [])
            siblings.append(element)
            if node.child is not None:
                waiting.append((node.child, element.children, depth + 1))
    found = top[0] if top else None
    return found if isinstance(found, Element) else Element("html", {}, [])


def _put_text(siblings: list[Node], text: str) -> None:
    """Texts that only something left out stood between are one."""
    words = " ".join(text.split())
    if not words:
        return
    if siblings and isinstance(last := siblings[-1], str):
        siblings[-1] = f"{last} {words}"
    else:
        siblings.append(words)


def _attributes(node: Any) -> dict[str, str]:
    found = {name: value or "" for name, value in node.attributes.items()}
    if "class" in found:
        found["class"] = " ".join(sorted(set(found["class"].split())))
    if "nonce" in found:
        found["nonce"] = ""
    if found.get("name", "").lower() in TOKENS:
        for name in ("value", "content"):
            if name in found:
                found[name] = ""
    return found
