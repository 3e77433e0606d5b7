"""The comparison of two answers to one request: heads first, then what their bodies say.

Total: whatever bytes and fields come, there is a `Comparison`. `compare(a, a)` is equal, and `compare(b, a)` is
`compare(a, b)` with its sides exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.comparison.diff import Walk
from proxy.comparison.difference import Comparison, Kind, Undecided, shown
from proxy.comparison.findings import Findings, TooMuch
from proxy.comparison.head import compare_fields, compare_status
from proxy.comparison.html_body import Element
from proxy.comparison.html_diff import PageWalk
from proxy.comparison.json_body import written
from proxy.comparison.normalise import Body, Form, content_type_of, plain_body, read
from proxy.comparison.rules import Rules
from proxy.comparison.texts import Hosts
from proxy.wire.exchange import CapturedAnswer

_ROOT: Final = "$"
_SNIPPET: Final = 24  # bytes around the first one that differs


def compare(left: CapturedAnswer, right: CapturedAnswer, rules: Rules, *, hosts: Sequence[str] = ()) -> Comparison:
    """What two answers differ in. `hosts`: the authorities of both sides, which are read as one in URLs."""
    findings = Findings()
    known = Hosts(hosts)
    undecided = None
    if compare_status(left, right, rules, findings):
        compare_fields(left, right, rules, known, findings)
        undecided = _compare_bodies(left, right, rules, known, findings)
    return Comparison(tuple(findings.kept), undecided, findings.more)


def _compare_bodies(
    left: CapturedAnswer, right: CapturedAnswer, rules: Rules, hosts: Hosts, findings: Findings
) -> Undecided | None:
    if rules.start.meaning.ignored:
        return None
    one, other = _bytes_of(left, right)
    if one == other and not isinstance(one, Undecided):
        return None
    if isinstance(one, Undecided) or isinstance(other, Undecided):
        return _damage(one, other, findings)
    first, second = read(one, content_type_of(left), rules), read(other, content_type_of(right), rules)
    if isinstance(first, Undecided):
        return first
    if isinstance(second, Undecided):
        return second
    try:
        _walk(first, second, (one, other), rules, hosts, findings)
    except TooMuch:
        return Undecided.TOO_COMPLEX
    except RecursionError:
        return Undecided.TOO_DEEP
    return None


def _bytes_of(left: CapturedAnswer, right: CapturedAnswer) -> tuple[bytes | Undecided, bytes | Undecided]:
    if left.body == right.body and not (left.cut or right.cut) and _coded(left) == _coded(right):
        return left.body, right.body
    return plain_body(left), plain_body(right)


def _coded(answer: CapturedAnswer) -> list[str]:
    return [value for name, value in answer.fields if name.lower() == "content-encoding"]


def _damage(one: bytes | Undecided, other: bytes | Undecided, findings: Findings) -> Undecided | None:
    """Damaged data on one side alone is a difference that every client meets."""
    if (one is Undecided.UNDECODABLE) != (other is Undecided.UNDECODABLE) and (
        isinstance(one, bytes) or isinstance(other, bytes)
    ):
        findings.add(Kind.TYPE, _ROOT, _soundness(one), _soundness(other), _ROOT)
        return None
    reasons = [side for side in (one, other) if isinstance(side, Undecided)]
    return min(reasons, key=list(Undecided).index)


def _soundness(side: bytes | Undecided) -> str:
    return f"{len(side)} bytes" if isinstance(side, bytes) else "a damaged content coding"


def _walk(left: Body, right: Body, texts: tuple[bytes, bytes], rules: Rules, hosts: Hosts, findings: Findings) -> None:
    if Form.EMPTY in (left.form, right.form):
        if left.form is Form.EMPTY:
            findings.add(Kind.EXTRA, _ROOT, None, _told(right, texts[1]), _ROOT)
        else:
            findings.add(Kind.MISSING, _ROOT, _told(left, texts[0]), None, _ROOT)
    elif left.form is not right.form:
        if texts[0] != texts[1]:
            findings.add(Kind.TYPE, _ROOT, _told(left, texts[0]), _told(right, texts[1]), _ROOT)
    elif isinstance(left.content, Element) and isinstance(right.content, Element):
        PageWalk(rules.start.meaning, hosts, findings).compare(left.content, right.content)
    elif left.form is Form.BYTES:
        _compare_bytes(*texts, findings)
    else:
        Walk(rules, hosts, findings).compare(left.content, right.content, rules.start)


def _told(body: Body, text: bytes) -> str:
    if body.form is Form.JSON:
        return f"JSON: {written(body.content)}"
    return shown(f"{body.form}: {text[:200].decode('utf-8', 'backslashreplace')}")


def _compare_bytes(left: bytes, right: bytes, findings: Findings) -> None:
    if len(left) != len(right):
        findings.add(Kind.LENGTH, _ROOT, f"{len(left)} bytes", f"{len(right)} bytes", _ROOT)
        return
    first = next(at for at, (one, other) in enumerate(zip(left, right, strict=True)) if one != other)
    start = max(0, first - _SNIPPET // 2)
    one, other = (f"from byte {start}: {side[start : start + _SNIPPET].hex(' ')}" for side in (left, right))
    findings.add(Kind.VALUE, _ROOT, one, other, f"byte {first}")
