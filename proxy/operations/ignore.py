"""Ignore a difference: one more line under a route's `compare.ignore`, planned, shown, and then written.

What would be written is judged as `strangler check` judges it before it is shown, so that no edit leaves a file that a
server would refuse.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from proxy.config import ConfigError, Snapshot, load_text
from proxy.config.compare import IgnoreRule
from proxy.config.edit import EditRefused, append_item, route_location
from proxy.config.edit_file import OpenedFile, open_for_edit, write_edited
from proxy.config.spans import Plain
from proxy.operations.errors import Code, OperationError


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """An edit that has not been written. `after` is the whole text; `known` is a rule that says the same already."""

    opened: OpenedFile
    after: str
    revision: str
    known: IgnoreRule | None = None

    def diff(self, name: str) -> str:
        """What changes, as a unified diff with a line of context; empty when nothing does."""
        before, after = self.opened.text.splitlines(), self.after.splitlines()
        lines = difflib.unified_diff(before, after, name, name, n=1, lineterm="")
        return "\n".join(line.lstrip("\ufeff") for line in lines)


def plan_ignore(
    file: str, route: str, subject: str, because: str, until: date | None, environ: Mapping[str, str], today: date
) -> PlannedEdit:
    """Plans the rule. `subject` is `$.a.b`, `header:Name` or `css:selector`. Raises OperationError."""
    rule: dict[str, Plain] = {**read_subject(subject), "because": because}
    if until:
        if until < today:
            raise OperationError(Code.INVALID, f"{until.isoformat()} is past: such a rule would ignore nothing")
        rule["until"] = until.isoformat()
    opened, text, snapshot = _read(file, environ)
    known = _known(snapshot, route, subject, today)
    if known:
        return PlannedEdit(opened, text, snapshot.revision, known)
    try:
        after = append_item(text, (*route_location(text, route), "compare", "ignore"), rule)
    except EditRefused as error:
        raise OperationError(Code.INVALID, str(error)) from None
    try:
        revision = load_text(after.encode(), file, environ, Path(file).absolute().parent).revision
    except ConfigError as error:
        details = tuple(map(str, error.problems))
        raise OperationError(
            Code.INVALID, "with this rule the file would have errors; nothing is changed", details
        ) from None
    return PlannedEdit(opened, after, revision)


def write_plan(plan: PlannedEdit) -> None:
    """Raises OperationError (refused); the file is then as it was."""
    try:
        write_edited(plan.opened, plan.after)
    except EditRefused as error:
        raise OperationError(Code.REFUSED, str(error)) from None


def read_subject(text: str) -> dict[str, Plain]:
    """What a rule is about, as the key and the value that the file has for it. Raises OperationError (invalid)."""
    kind, colon, rest = text.partition(":")
    if colon and kind in ("header", "css") and rest.strip():
        return {kind: rest.strip()}
    if text.startswith("$"):
        return {"path": text}
    hint = "write $.items[*].updated_at for JSON, header:Name, or css:selector for HTML"
    raise OperationError(Code.INVALID, f'"{text}" says not what is to be ignored ({hint})')


def _read(file: str, environ: Mapping[str, str]) -> tuple[OpenedFile, str, Snapshot]:
    """The file as it is, which must be valid: what an edit did to a broken one nobody could tell."""
    try:
        opened = open_for_edit(file)
    except OSError as error:
        raise OperationError(Code.INVALID, f"{file}: {(error.strerror or 'input/output error').lower()}") from None
    try:
        snapshot = load_text(opened.data, file, environ, Path(file).absolute().parent)
    except ConfigError as error:
        details = tuple(map(str, error.problems))
        raise OperationError(Code.INVALID, "the file has errors; mend them first", details) from None
    return opened, opened.text, snapshot


def _known(snapshot: Snapshot, route: str, subject: str, today: date) -> IgnoreRule | None:
    """A rule of the route, or of the defaults, that says the same and still holds."""
    rules = (rule for each in snapshot.routes if each.name == route for rule in each.compare.ignore)
    return next((rule for rule in rules if rule.subject == subject and rule.holds(today)), None)
