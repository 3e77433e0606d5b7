"""A report as one page that needs nothing else: no script, no file beside it, no address that it would load from.

Whatever was captured stands there as text. The page's own policy forbids everything but its one style sheet, so that a
body that should get through as markup could still do nothing.
"""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import Iterator
from difflib import SequenceMatcher
from hashlib import sha256
from html import escape
from typing import Final

from proxy.comparison.normalise import plain_body
from proxy.comparison.report import LEFT, RIGHT, Example, Group, Report, Standing
from proxy.comparison.report_text import curls, summary
from proxy.wire.exchange import CapturedAnswer

MAX_LINES: Final = 400  # of a side, that are laid side by side
MAX_LINE: Final = 400  # characters
AROUND: Final = 3  # equal lines that are shown beside different ones

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--left:#d33;--right:#293}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2.5rem}code,pre,td.code{font:13px/1.45 ui-monospace,monospace}
.verdict{border-left:.4rem solid var(--right);padding:.4rem 1rem;background:var(--soft)}
.different{border-color:var(--left)}
table{border-collapse:collapse;width:100%;table-layout:fixed}
td,th{text-align:left;vertical-align:top;padding:.15rem .6rem}
.list{table-layout:auto}.list td,.list th{border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0;padding:.4rem .8rem}summary{cursor:pointer}
.code{white-space:pre-wrap;overflow-wrap:anywhere}.code tr>*{border:0}.gone{background:#d332}.come{background:#2932}
.cut td{color:#888;text-align:center}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.5rem}
.kind{border:1px solid var(--line);border-radius:1rem;padding:0 .5rem;font-size:.85em}
""".strip()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
_TITLES: Final = {
    Standing.DIFFERENT: "Different",
    Standing.ALLOWED: "Different, and allowed to be",
    Standing.NOISE: "Noise: the left side differs from itself as often",
}


def as_html(report: Report) -> str:
    """The page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width">\n<meta name="referrer" content="no-referrer">'
    yield f"<title>{escape(summary(report))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield "<h1>Two systems, side by side</h1>"
    yield f'<p class="verdict{"" if report.equal else " different"}">{escape(summary(report))}</p>'
    yield f'<table class="list"><tr><th>left<td><code>{escape(report.left)}</code>'
    yield f"<tr><th>right<td><code>{escape(report.right)}</code></table>"
    for standing, title in _TITLES.items():
        groups = report.of(standing)
        if groups:
            yield f"<h2>{title} ({len(groups)})</h2>"
        for group in groups:
            yield from _group(group, report)
    if report.more_groups:
        yield f"<p>{report.more_groups:,} more fields are not shown.</p>"
    yield "</body>\n</html>"


def _group(group: Group, report: Report) -> Iterator[str]:
    own = f"; left from itself in {group.noise:,} of {group.again:,}" if group.again else ""
    is_open = " open" if group.standing is Standing.DIFFERENT else ""
    yield f"<details{is_open}><summary><code>{escape(group.path)}</code> "
    yield f'<span class="kind">{group.kind.value}</span> {escape(group.route or "")} '
    yield f"in {group.count:,} of {group.of:,} pairs{own}</summary>"
    for number, example in enumerate(group.examples):
        yield from _example(example, report, number == 0)
    yield "</details>"


def _example(example: Example, report: Report, is_first: bool) -> Iterator[str]:
    request, found = example.exchange.request, example.difference
    yield f"<p><code>{escape(request.method)} {escape(request.target)}</code> at <code>{escape(found.place)}</code></p>"
    yield '<table class="code"><tr><th>left<th>right'
    yield f'<tr><td class="code gone">{_side(found.left)}<td class="code come">{_side(found.right)}</table>'
    if not is_first:
        return
    yield "<details><summary>Both answers</summary>"
    yield from _side_by_side(*(_lines(example.exchange.answers.get(side)) for side in (LEFT, RIGHT)))
    yield "</details>"
    for command in curls(example, report):
        yield f"<pre>{escape(command)}</pre>"


def _side(text: str | None) -> str:
    return "<em>nothing</em>" if text is None else escape(text)


def _lines(answer: CapturedAnswer | None) -> list[str]:
    if answer is None:
        return ["no answer"]
    head = [f"HTTP {answer.status}", *sorted(f"{name}: {found}" for name, found in answer.fields), ""]
    body = plain_body(answer)
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else f"[{len(answer.body):,} bytes, not whole]"
    with contextlib.suppress(ValueError, RecursionError):  # then it is shown as it stands
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return [line[:MAX_LINE] for line in (head + text.splitlines())[:MAX_LINES]]


def _side_by_side(left: list[str], right: list[str]) -> Iterator[str]:
    yield '<table class="code">'
    for group in SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(AROUND):
        for tag, start, end, other_start, other_end in group:
            for at in range(max(end - start, other_end - other_start)):
                one = left[start + at] if start + at < end else None
                other = right[other_start + at] if other_start + at < other_end else None
                gone, come = ("", "") if tag == "equal" else (" gone", " come")
                yield f'<tr><td class="code{gone}">{escape(one or "")}<td class="code{come}">{escape(other or "")}'
        yield '<tr class="cut"><td>…<td>…'
    yield "</table>"
