"""What a part of a composed answer is asked for: path and query, with places that the client's request fills.

{name} takes a segment of the route's path, {query.name} a value of the client's query. A place in the path is a whole
segment; a place in the query is in a value. So nothing a client sends can move to where it means something else.
"""

import re

from proxy.config.patterns import check_path, placeholders
from proxy.config.refused import Refused
from proxy.config.values import text

MAX_QUERY = 1024  # characters

PLACE = re.compile(r"\{(query\.)?([A-Za-z_][A-Za-z0-9_]{0,63})\}")
"""A place in a template: group 1 is set for one that the query fills, group 2 is the name."""

_QUERY = re.compile(r"[A-Za-z0-9._~!$'()*+,;:@/?&=%-]*")


def part_target(value: object) -> str:
    """/path/{name}?key={name}&other={query.key}"""
    given = text(value)
    path, mark, query = given.partition("?")
    if found := re.search(r"\{query\.[^}]*\}", path):
        raise Refused(found[0], "stands in the path: the query fills places in the query alone")
    check_path(path, patterns=True)
    if mark:
        _check_query(query)
    return given


def path_names(target: str) -> tuple[str, ...]:
    """The names that the route's path must fill, each once."""
    path, _, query = target.partition("?")
    in_query = (name for of_query, name in PLACE.findall(query) if not of_query)
    return tuple(dict.fromkeys([*placeholders(path), *in_query]))


def _check_query(query: str) -> None:
    if len(query) > MAX_QUERY:
        raise Refused(None, f"a query of {len(query)} characters; at most {MAX_QUERY} are taken")
    for pair in query.split("&"):
        key, equals, value = pair.partition("=")
        if not key:
            raise Refused(None, "a parameter of the query has no name", "key=value, joined by &")
        if not equals and PLACE.search(key):
            raise Refused(pair, "has no name before it", f"write key={pair}")
        if "{" in key or "}" in key:
            raise Refused(pair, "has braces in a parameter's name", "{name} and {query.name} stand in values")
        rest = PLACE.sub("", value)
        if "{" in rest or "}" in rest:
            raise Refused(value, "is not filled by anything", "{name} is of the path, {query.name} of the query")
        if not _QUERY.fullmatch(key + rest) or re.search(r"%(?![0-9A-Fa-f]{2})", key + rest):
            raise Refused(pair, "holds a character that is escaped in a query", "a space is %20, a plain % is %25")
