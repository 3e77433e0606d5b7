"""A parsed document → its sections, each judged alone, so that one bad route does not hide what is wrong with another.

Never quotes a value that came from outside the file, and reports nothing twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from proxy.config.errors import Problem, did_you_mean
from proxy.config.nodes import Document, Location, Mapping, Node, Scalar, Sequence, plain
from proxy.config.place import Place
from proxy.config.refused import Refused, shown
from proxy.config.written import DefaultsSection, FileSection, LogSection
from proxy.config.written_kinds import Name, Section, Text, Version
from proxy.config.written_listen import ListenSection
from proxy.config.written_route import RouteSection
from proxy.config.written_upstream import UpstreamSection

T = TypeVar("T")

_VERSION: TypeAdapter[int] = TypeAdapter(Version)
_STATE: TypeAdapter[str] = TypeAdapter(Text)
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_LISTEN = TypeAdapter(ListenSection)
_DEFAULTS = TypeAdapter(DefaultsSection)
_LOG = TypeAdapter(LogSection)
_UPSTREAM = TypeAdapter(UpstreamSection)
_ROUTE = TypeAdapter(RouteSection)

_WRONG_KIND = {
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "list_type": "a list",
    "too_short": "at least one entry",
}


@dataclass(slots=True)
class Draft:
    """What could be read. A section that is wrong, or not there, is absent; its problems are in `problems`."""

    document: Document
    listen: ListenSection | None = None
    defaults: DefaultsSection | None = None
    log: LogSection | None = None
    state: str | None = None
    upstreams: dict[str, UpstreamSection] = field(default_factory=dict)
    routes: dict[int, RouteSection] = field(default_factory=dict)  # by position in the file
    problems: list[Problem] = field(default_factory=list)

    def upstream_names(self) -> tuple[str, ...]:
        """Every upstream the file names, also one whose section is wrong."""
        node = self.document.node(("upstreams",))
        return tuple(node.entries) if isinstance(node, Mapping) and node is not self.document.root else ()

    def unknown_upstream(self, location: Location, name: str) -> Iterator[Problem]:
        """What there is to say when the upstream named at `location` does not exist."""
        known = self.upstream_names()
        if name not in known:
            message = f"no upstream is named {self.shown(location)}"
            is_outside = self.document.written(location) is not None
            hint = None if is_outside else did_you_mean(name, known) or f"upstreams: {', '.join(known)}"
            yield Problem(self.document.place(location), message, hint)

    def shown(self, location: Location) -> str:
        """The value at `location` as a message may quote it."""
        written = self.document.written(location)
        return shown(plain(self.document.node(location)) if written is None else written)


def decode(document: Document) -> Draft:
    """Every section of `document` that can be read, and every problem of the others."""
    decoder = _Decoder(document)
    draft = Draft(document)
    decoder.check_keys()
    decoder.read(("version",), _VERSION)
    draft.listen = decoder.read(("listen",), _LISTEN) or _absent(document, "listen", ListenSection)
    draft.defaults = decoder.read(("defaults",), _DEFAULTS)
    draft.log = decoder.read(("log",), _LOG) or _absent(document, "log", LogSection)
    draft.state = decoder.read(("state",), _STATE) or FileSection.model_fields["state"].default
    for location in decoder.children(("upstreams",), Mapping):
        name = str(location[-1])
        decoder.read_name(location)
        if upstream := decoder.read(location, _UPSTREAM):
            draft.upstreams[name] = upstream
    for location in decoder.children(("routes",), Sequence):
        if route := decoder.read(location, _ROUTE):
            draft.routes[int(location[-1])] = route
    draft.problems = decoder.problems
    return draft


def _absent(document: Document, key: str, section: type[T]) -> T | None:
    """The defaults of a section the file leaves out; None for one that is there, and wrong."""
    root = document.root
    return section() if isinstance(root, Mapping) and key not in root.entries else None


class _Decoder:
    def __init__(self, document: Document) -> None:
        self._document = document
        empty = dict(_empty_values(document.root))
        self.problems = [*document.problems, *empty.values()]
        self._reported = {problem.place for problem in document.problems} | set(empty)

    def check_keys(self) -> None:
        """The keys of the file itself."""
        root = self._document.root
        known = FileSection.model_fields
        for key in root.entries if isinstance(root, Mapping) else ():
            if key not in known:
                self.problems.append(self._unknown_key((key,), FileSection))
        for key, kind in known.items():
            if kind.is_required() and isinstance(root, Mapping) and key not in root.entries:
                self.problems.append(Problem(root.place, f'"{key}" is missing'))

    def read(self, location: Location, adapter: TypeAdapter[T]) -> T | None:
        """The section at `location`; None if it is not there or wrong, which is then reported."""
        node = self._document.node(location)
        if node is self._document.root:
            return None
        try:
            return adapter.validate_python(plain(node))
        except ValidationError as error:
            self.problems += self._problems(error, location)
            return None

    def read_name(self, location: Location) -> None:
        """Judges the key at `location` as a name."""
        try:
            _NAME.validate_python(location[-1])
        except ValidationError as error:
            refused = error.errors()[0]["ctx"]["error"]
            self.problems.append(Problem(self._document.key_place(location), refused.message, refused.hint))

    def children(self, location: Location, kind: type[Mapping] | type[Sequence]) -> Iterable[Location]:
        """The locations below one that must be a mapping, or a list."""
        node = self._document.node(location)
        if node is self._document.root or node.place in self._reported:
            return ()
        if not isinstance(node, kind):
            wanted = "a list" if kind is Sequence else "a mapping of keys"
            hint = "begin each entry with -" if kind is Sequence else None
            self.problems.append(Problem(node.place, f'"{location[-1]}" must be {wanted}', hint))
            return ()
        if isinstance(node, Mapping):
            if not node.entries:
                self.problems.append(Problem(node.place, f'"{location[-1]}" must have at least one entry'))
            return [(*location, key) for key in node.entries]
        return [(*location, index) for index in range(len(node.items))] if isinstance(node, Sequence) else ()

    def _problems(self, failure: ValidationError, base: Location) -> Iterator[Problem]:
        for error in failure.errors(include_url=False, include_input=False):
            location = base + tuple(part for part in error["loc"] if part != "[key]")
            if self._document.place(location) not in self._reported:
                yield self._problem(error, location)

    def _problem(self, error: ErrorDetails, location: Location) -> Problem:
        document = self._document
        place = document.key_place(location) if "[key]" in error["loc"] else document.place(location)
        kind = error["type"]
        if kind == "extra_forbidden":
            return self._unknown_key(location, _section_at(location[:-1]))
        if kind == "missing":
            return Problem(place, f'"{location[-1]}" is missing')
        if kind == "too_long":
            return Problem(place, f"{_named(location)} has more than {error['ctx']['max_length']} entries")
        if kind in _WRONG_KIND:
            return Problem(place, f"{_named(location)} must be {_WRONG_KIND[kind]}", self._keys_hint(location))
        refused = error.get("ctx", {}).get("error")
        if not isinstance(refused, Refused):
            return Problem(place, error["msg"])
        written = None if "[key]" in error["loc"] else document.written(location)
        if written is None:
            return Problem(place, refused.message, refused.hint)
        message = refused.reason if refused.subject is None else f"{shown(written)} {refused.reason}"
        return Problem(place, message, "what it stands for is not shown, as it may be a secret")

    def _keys_hint(self, location: Location) -> str | None:
        section = _section_at(location)
        return f"keys here: {', '.join(section.keys())}" if section and section is not FileSection else None

    def _unknown_key(self, location: Location, section: type[Section] | None) -> Problem:
        key, known = str(location[-1]), section.keys() if section else []
        hint = did_you_mean(key, known) or f"keys here: {', '.join(known)}"
        if key == "<<":
            hint = "YAML 1.2 has no merge keys: write the keys out, or give the whole value as an alias"
        return Problem(self._document.key_place(location), f"unknown key {shown(key)}", hint)


def _named(location: Location) -> str:
    key = next((part for part in reversed(location) if isinstance(part, str)), "")
    return f'each entry of "{key}"' if isinstance(location[-1], int) else f'"{key}"'


def _section_at(location: Location) -> type[Section] | None:
    """The section that the format has at `location`."""
    section: type[Section] | None = FileSection
    for part in location:
        fields = section.fields_by_key() if section else {}
        if isinstance(part, str) and part in fields:
            section = _section_in(fields[part].annotation)
    return section


def _section_in(annotation: Any) -> type[Section] | None:
    """The section class inside an annotation such as `dict[Name, UpstreamSection] | None`; there is at most one."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, Section) else None
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)


def _empty_values(node: Node, location: Location = ()) -> Iterator[tuple[Place, Problem]]:
    """Keys without a value: what was meant cannot be told, and null would quietly mean the default.

    Each with the place of the value. Inside a JSON value null is a value like any other.
    """
    if isinstance(node, Mapping):
        for key, child in node.entries.items():
            if _is_json((*location, key)):
                continue
            if isinstance(child, Scalar) and child.value is None:
                hint = "give it one, or remove the key"
                yield child.place, Problem(node.keys[key], f"{shown(key)} has no value", hint)
            yield from _empty_values(child, (*location, key))
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            if isinstance(item, Scalar) and item.value is None:
                yield item.place, Problem(item.place, "an empty entry of a list", "fill it in, or remove the -")
            yield from _empty_values(item, (*location, index))


def _is_json(location: Location) -> bool:
    match location:
        case ("routes", int(), "aggregate", str(), "default"):
            return True
    return False
