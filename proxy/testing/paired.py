"""Two values that stand in the same place of two answers, used as if they were one.

What is done to a pair is done to each of its values; what is asked of it holds when it holds on both sides. Its text is
a placeholder, so that f"/orders/{order['id']}" is one path for both sides: `Placeholders.own` gives each side its own.
Pure: nothing here asks anybody anything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from proxy.wire.exchange import LEGACY, SERVICE
from proxy.wire.redaction import Redactor
from proxy.wire.redaction.names import SecretNames

_PLACEHOLDER: Final = re.compile(r"paired-value-([0-9]+)-of-each-side")  # stays itself in URLs, forms and JSON
_SHOWN: Final = 300  # characters of a value in a message
_SECRET: Final = SecretNames()


class Placeholders:
    """The pairs whose text was asked for. One for a session, so that a pair may outlive the test that made it."""

    def __init__(self) -> None:
        self._pairs: list[Paired] = []
        self._redactor = Redactor()

    def text_of(self, pair: Paired) -> str:
        """What stands for the pair in a text."""
        self._pairs.append(pair)
        return f"paired-value-{len(self._pairs) - 1}-of-each-side"

    def own(self, value: Any, side: str, used: list[Paired] | None = None) -> Any:
        """`value` as `side` is to be sent it, pairs in it (at any depth, also by their text) replaced by its own.

        The pairs that were met are added to `used`. Other objects than texts, bytes, mappings and sequences stay.
        """
        if isinstance(value, Paired):
            if used is not None:
                used.append(value)
            return self.own(value.of(side), side, used)
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: str(self._own(found[1], side, used)), value)
        if isinstance(value, bytes):
            text: str = self.own(value.decode("utf-8", "surrogateescape"), side, used)
            return text.encode("utf-8", "surrogateescape")
        if type(value) is dict:
            return {self.own(key, side, used): self.own(each, side, used) for key, each in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.own(each, side, used) for each in value)
        return value

    def shown(self, value: Any, secret: bool) -> str:
        """A value as a message may have it: pytest shows whatever a failing test holds, and reports keep it."""
        text = "***" if secret else self._redactor.text(repr(value))
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

    def _own(self, number: str, side: str, used: list[Paired] | None) -> Any:
        if int(number) >= len(self._pairs):
            raise LookupError(f"paired value {number} is of another session: its text was kept, and its sides were not")
        return self.own(self._pairs[int(number)], side, used)


class Paired:
    """A value of each side. Compared, indexed, iterated and formatted like one; `legacy` and `service` tell them."""

    def __init__(self, legacy: Any, service: Any, placeholders: Placeholders, *, secret: bool = False) -> None:
        self.legacy = legacy
        self.service = service
        self._placeholders = placeholders
        self._secret = secret

    @property
    def agree(self) -> bool:
        """Whether both sides have the same value."""
        return bool(self.legacy == self.service)

    def of(self, side: str) -> Any:
        """The value of `legacy` or of `service`."""
        return self.legacy if side == LEGACY else self.service

    def map(self, change: Callable[[Any], Any]) -> Paired:
        """What `change` makes of each value."""
        return Paired(change(self.legacy), change(self.service), self._placeholders, secret=self._secret)

    def __getitem__(self, key: Any) -> Paired:
        secret = self._secret or (isinstance(key, str) and key in _SECRET)
        return Paired(self._below(LEGACY, key), self._below(SERVICE, key), self._placeholders, secret=secret)

    def __iter__(self) -> Iterator[Paired]:
        """Element by element; of mappings the keys, which must be the same, as they are."""
        if isinstance(self.legacy, dict) and isinstance(self.service, dict):
            if list(self.legacy) != list(self.service):
                self._disagree("keys", list(self.legacy), list(self.service))
            return iter(self.legacy)
        len(self)
        pairs = zip(self.legacy, self.service, strict=True)
        return (Paired(*pair, self._placeholders, secret=self._secret) for pair in pairs)

    def __len__(self) -> int:
        if len(self.legacy) != len(self.service):
            self._disagree("lengths", len(self.legacy), len(self.service))
        return len(self.legacy)

    def __bool__(self) -> bool:
        if bool(self.legacy) != bool(self.service):
            self._disagree("values to decide by", self.legacy, self.service)
        return bool(self.legacy)

    def __contains__(self, element: object) -> bool:
        return all(self._placeholders.own(element, side) in self.of(side) for side in (LEGACY, SERVICE))

    def __eq__(self, other: object) -> bool:
        return self._holds(operator.eq, other)

    def __ne__(self, other: object) -> bool:
        return self._holds(operator.ne, other)

    def __lt__(self, other: Any) -> bool:
        return self._holds(operator.lt, other)

    def __le__(self, other: Any) -> bool:
        return self._holds(operator.le, other)

    def __gt__(self, other: Any) -> bool:
        return self._holds(operator.gt, other)

    def __ge__(self, other: Any) -> bool:
        return self._holds(operator.ge, other)

    def __str__(self) -> str:
        return self._placeholders.text_of(self)

    def __format__(self, written: str) -> str:
        return str(self.map(lambda value: format(value, written)) if written else self)

    def __repr__(self) -> str:
        if type(self.legacy) is type(self.service) and self.agree:
            return f"<both {self._show(self.legacy)}>"
        return f"<legacy {self._show(self.legacy)}, service {self._show(self.service)}>"

    def _holds(self, compare: Callable[[Any, Any], Any], other: object) -> bool:
        return all(compare(self.of(side), self._placeholders.own(other, side)) for side in (LEGACY, SERVICE))

    def _below(self, side: str, key: Any) -> Any:
        try:
            return self.of(side)[self._placeholders.own(key, side)]
        except (LookupError, TypeError) as error:
            raise AssertionError(f"{side} has no {key!r} in {self._show(self.of(side))}") from error

    def _disagree(self, what: str, legacy: Any, service: Any) -> NoReturn:
        raise AssertionError(f"the sides have two {what}: legacy {self._show(legacy)}, service {self._show(service)}")

    def _show(self, value: Any) -> str:
        return self._placeholders.shown(value, self._secret)
