"""A report for programs and for logs: JSON, JUnit XML, annotations of GitHub, and text for a terminal. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from proxy.comparison.curl import curl
from proxy.comparison.report import Example, Group, Report, Standing


def as_json(report: Report) -> str:
    """`{equal, exchanges, groups: [{kind, path, count, route, example: {left, right}, curl: []}], …}`."""
    found = {
        "equal": report.equal,
        "exchanges": report.exchanges,
        "groups": [_group(group, report) for group in report.of(Standing.DIFFERENT)],
        "more_groups": report.more_groups,
        "allowed": [_group(group, report) for group in report.of(Standing.ALLOWED)],
        "noise": [_group(group, report) for group in report.of(Standing.NOISE)],
        "compared": report.compared,
        "undecided": dict(report.undecided),
        "skipped": dict(report.skipped),
        "left": report.left,
        "right": report.right,
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def as_text(report: Report) -> str:
    """Some lines a person reads at once."""
    return "".join(f"{line}\n" for line in _lines(report))


def as_junit(report: Report) -> str:
    """A test case for every route, which fails with its groups; and one for the whole."""
    routes = sorted({group.route or "" for group in report.groups})
    failing = report.of(Standing.DIFFERENT)
    suite = ElementTree.Element("testsuite", name="strangler compare", tests=str(len(routes) + 1), errors="0")
    failed = 0
    for route in routes:
        case = ElementTree.SubElement(suite, "testcase", classname="strangler.compare", name=route or "no route")
        groups = [group for group in failing if (group.route or "") == route]
        failed += bool(groups)
        if groups:
            _fail(case, f"{len(groups)} fields differ", "\n\n".join("\n".join(_told(each, report)) for each in groups))
    whole = ElementTree.SubElement(
        suite, "testcase", classname="strangler.compare", name=f"{report.left} {report.right}"
    )
    if not report.equal:
        failed += 1
        _fail(whole, summary(report), "")
    suite.set("failures", str(failed))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def as_github(report: Report) -> str:
    """Commands of a workflow: an error for every group that counts, and a notice in the end."""
    lines = [_annotation("error", group, report) for group in report.of(Standing.DIFFERENT)]
    lines.append(f"::{'notice' if report.equal else 'error'} title=strangler compare::{_data(summary(report))}")
    return "".join(f"{line}\n" for line in lines)


def summary(report: Report) -> str:
    """The outcome in one line."""
    different = len(report.of(Standing.DIFFERENT))
    differ = "1 field differs" if different == 1 else f"{different:,} fields differ"
    outcome = "equal" if report.equal else differ if different else "not known to be equal"
    more = [f"{len(report.of(standing))} {name}" for standing, name in _MORE if report.of(standing)]
    more += [f"not judged: {count} {_words(reason)}" for reason, count in sorted(report.undecided.items())]
    more += [f"not asked: {count} {_words(reason)}" for reason, count in sorted(report.skipped.items())]
    return "; ".join([f"{outcome} ({report.equal_pairs:,} of {report.compared:,} pairs alike)", *more])


_MORE = ((Standing.ALLOWED, "allowed"), (Standing.NOISE, "of noise"))


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _lines(report: Report) -> Iterator[str]:
    for group in report.of(Standing.DIFFERENT):
        yield from _told(group, report)
        yield ""
    for standing, name in _MORE:
        for group in report.of(standing):
            yield f"{name}: {group.path} ({group.kind}) in {group.count:,} of {group.of:,} pairs{_own(group)}"
    if report.more_groups:
        yield f"{report.more_groups:,} more fields"
    yield summary(report)


def _own(group: Group) -> str:
    return f", from itself in {group.noise:,} of {group.again:,}" if group.noise else ""


def _annotation(level: str, group: Group, report: Report) -> str:
    title, text = f"{group.route or 'no route'}: {group.path}", "\n".join(_told(group, report))
    return f"::{level} title={_property(title)}::{_data(text)}"


def _told(group: Group, report: Report) -> Iterator[str]:
    route = f"{group.route}  " if group.route else ""
    yield f"{route}{group.path}  {group.kind}  in {group.count:,} of {group.of:,} pairs{_own(group)}"
    for example in group.examples[:1]:
        found, request = example.difference, example.exchange.request
        yield f"  {request.method} {request.target}" + (f"  {found.place}" if found.place != group.path else "")
        yield f"    left   {_side(found.left)}"
        yield f"    right  {_side(found.right)}"
        yield from (f"    {command}" for command in curls(example, report))


def _side(text: str | None) -> str:
    return "nothing" if text is None else text


def curls(example: Example, report: Report) -> list[str]:
    """The request to either side."""
    asked = example.exchange.request
    return [curl(asked, report.left), curl(example.right_request or asked, report.right)]


def _group(group: Group, report: Report) -> dict[str, Any]:
    example = group.examples[0] if group.examples else None
    found = example.difference if example else None
    return {
        "kind": group.kind.value,
        "path": group.path,
        "count": group.count,
        "route": group.route,
        "example": {"left": found.left, "right": found.right} if found else {"left": None, "right": None},
        "curl": curls(example, report) if example else [],
    }


def _fail(case: ElementTree.Element, message: str, text: str) -> None:
    failure = ElementTree.SubElement(case, "failure", message=_xml(message))
    failure.text = _xml(text)


def _xml(text: str) -> str:
    """What XML 1.0 may hold (section 2.2)."""
    return "".join(
        each
        if each in "\t\n" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each >= "\U00010000"
        else "\ufffd"
        for each in text
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
