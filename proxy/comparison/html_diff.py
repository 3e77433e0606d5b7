"""One walk over two HTML pages.

Field paths are CSS selectors: those of the elements on the way from the last one with an id, so that rows of a table
and items of a list have one name, and a path can be put into a rule as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.comparison.align import Aligner, Label
from proxy.comparison.diff import Differs
from proxy.comparison.difference import Kind, shown, shown_around
from proxy.comparison.findings import Findings
from proxy.comparison.html_body import Element, Node
from proxy.comparison.rules import Treatment
from proxy.comparison.texts import Hosts, plain, same_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]*")  # an id with digits is often data
MAX_TAG: Final = 40  # characters


class Trail(NamedTuple):
    """The way to an element, linked to the element above."""

    above: Trail | None
    element: Element
    at: int  # among its parent's children, from 1


class PageWalk:
    """Two pages under one treatment: that of whole bodies."""

    def __init__(self, treatment: Treatment, hosts: Hosts, findings: Findings) -> None:
        self._treatment = treatment
        self._hosts = hosts
        self._findings = findings
        self._probing = False
        self._known: dict[tuple[int, int], bool] = {}
        self._aligner = Aligner[Node](self.equal, self._labels, _alike)

    def compare(self, left: Element, right: Element, above: Trail | None = None, at: int = 1) -> None:
        """Add what differs in two elements of one kind. Raises TooMuch."""
        if left == right or self._treatment.ignored:
            return
        self._findings.visit()
        trail = Trail(above, left, at)
        self._attributes(left, right, trail)
        found = self._aligner.align(left.children, right.children)
        if found is None:
            self._add(Kind.LENGTH, trail, f"{len(left.children)} children", f"{len(right.children)} children")
            return
        if found.moved:
            self._add(Kind.ORDER, trail, _listed(left.children), _listed(right.children))
        for one, other in found.pairs:
            self._pair(
                None if one is None else left.children[one],
                None if other is None else right.children[other],
                trail,
                1 + (one if one is not None else other or 0),
            )

    def equal(self, left: Node, right: Node) -> bool:
        """Whether no difference is left between two nodes."""
        if left == right:
            return True
        if isinstance(left, str) or isinstance(right, str):
            return isinstance(left, str) and isinstance(right, str) and self._same(left, right)
        if left.tag != right.tag:
            return False
        key = (id(left), id(right))
        if key not in self._known:
            before, self._probing = self._probing, True
            try:
                self.compare(left, right)
                self._known[key] = True
            except Differs:
                self._known[key] = False
            finally:
                self._probing = before
        return self._known[key]

    def _pair(self, left: Node | None, right: Node | None, above: Trail, at: int) -> None:
        if isinstance(left, Element) and isinstance(right, Element):
            self.compare(left, right, above, at)
        elif isinstance(left, str) and isinstance(right, str):
            if not self._same(left, right):
                self._add(Kind.VALUE, above, *shown_around(left, right))
        else:
            for kind, lone in ((Kind.MISSING, left), (Kind.EXTRA, right)):
                if lone is not None:
                    self._lone(kind, lone, Trail(above, lone, at) if isinstance(lone, Element) else above)

    def _lone(self, kind: Kind, node: Node, trail: Trail) -> None:
        self._findings.visit()
        text = _outline(node)
        self._add(kind, trail, *((text, None) if kind is Kind.MISSING else (None, text)))

    def _attributes(self, left: Element, right: Element, trail: Trail) -> None:
        for name in dict.fromkeys([*left.attributes, *right.attributes]):
            one, other = left.attributes.get(name), right.attributes.get(name)
            if one is None or other is None:
                self._add(Kind.MISSING if other is None else Kind.EXTRA, trail, one, other, name)
            elif not self._same(one, other):
                self._add(Kind.VALUE, trail, *shown_around(one, other), name)

    def _same(self, left: str, right: str) -> bool:
        return same_text(left, right, self._treatment, self._hosts)

    def _labels(self, ones: Sequence[Node], others: Sequence[Node]) -> list[Label[Node]]:
        return [self._whole, _kind_of]

    def _whole(self, node: Node) -> str:
        self._findings.visit()
        if isinstance(node, str):
            # Numbers under a tolerance may be the same in other digits; the walk of the pair tells.
            return "" if self._treatment.within else repr(plain(node, self._treatment, self._hosts))
        attributes = ",".join(f"{name!r}:{self._whole(node.attributes[name])}" for name in sorted(node.attributes))
        return f"<{node.tag!r} {attributes}>({','.join(map(self._whole, node.children))})"

    def _add(self, kind: Kind, trail: Trail, left: str | None, right: str | None, attribute: str | None = None) -> None:
        if self._probing:
            raise Differs
        one, other = (None if text is None else shown(text) for text in (left, right))
        self._findings.add(kind, selector(trail, attribute), one, other, _exact(trail, attribute))


def selector(trail: Trail, attribute: str | None = None) -> str:
    """`css:#cart > tr > td`, or `css:html > body > a[href]`: what finds this element and those like it."""
    steps: list[str] = []
    step: Trail | None = trail
    while step is not None:
        name = _tag(step.element)
        identity = step.element.attributes.get("id", "")
        if len(identity) <= MAX_TAG and _NAME.fullmatch(identity):
            steps.append(f"#{identity}")
            break
        steps.append(name)
        step = step.above
    return "css:" + " > ".join(reversed(steps)) + _in_brackets(attribute)


def _exact(trail: Trail, attribute: str | None) -> str:
    steps: list[str] = []
    step: Trail | None = trail
    while step is not None:
        steps.append(_tag(step.element) + (f"({step.at})" if step.above is not None else ""))
        step = step.above
    return " > ".join(reversed(steps)) + _in_brackets(attribute)


def _in_brackets(attribute: str | None) -> str:
    if attribute is None:
        return ""
    return f"[{attribute}]" if len(attribute) <= MAX_TAG and _NAME.fullmatch(attribute) else ""


def _tag(element: Element) -> str:
    # Names that a selector would have to escape are not worth it: any element stands for them.
    return element.tag if re.fullmatch(r"[a-z][a-z0-9-]*", element.tag) and len(element.tag) <= MAX_TAG else "*"


def _alike(one: Node, other: Node) -> bool:
    return _kind_of(one) == _kind_of(other)


def _kind_of(node: Node) -> str:
    return "" if isinstance(node, str) else node.tag


def _outline(node: Node) -> str:
    if isinstance(node, str):
        return node
    attributes = "".join(f' {name}="{value}"' for name, value in node.attributes.items())
    inner = "".join(child if isinstance(child, str) else f"<{child.tag}>" for child in node.children[:20])
    return f"<{node.tag}{attributes}>{inner}"


def _listed(nodes: Sequence[Node]) -> str:
    return " ".join(_outline(node) for node in nodes[:20])
