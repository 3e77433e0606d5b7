"""First answers to requests that carry an Idempotency-Key: what identifies the request, what was answered.

Plain values: they stand in the database (`chassis.kept_answers`), travel in events with what the request made, and so
reach the other side of a migration, where the same request finds the same answer.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from extracted_services.chassis.encoding import encode


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is to be done once: per customer (an id) and path, with a hash of the body it came with."""

    customer: str
    path: str
    key: str
    body_hash: str

    def answered(self, status: int, document: object, location: str | None = None) -> "Answer":
        """The answer to be kept; `document` is its body as a JSON value."""
        return Answer(self, status, location, encode(document).decode())


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and its first answer; `status` 0 while it has none. `body` is the text that was sent."""

    asked: Asked
    status: int
    location: str | None
    body: str

    @property
    def is_given(self) -> bool:
        return self.status != 0

    def as_data(self) -> dict[str, Any]:
        """As an event carries it: customer, path, key, body_hash, status, location ("": none), body."""
        return {**asdict(self.asked), "status": self.status, "location": self.location or "", "body": self.body}


def read_answer(data: dict[str, Any]) -> Answer:
    """The inverse of `as_data`."""
    asked = Asked(*(data[name] for name in ("customer", "path", "key", "body_hash")))
    return Answer(asked, data["status"], data["location"] or None, data["body"])


def fingerprint(body: object) -> str:
    """SHA-256 of a body as a JSON value; the monolith's is the same to the byte.

    A card number counts by its length and last digits: it must not be guessable from what is stored.
    """
    return hashlib.sha256(json.dumps(_mask(body), sort_keys=True).encode()).hexdigest()


def _mask(value: Any) -> Any:
    match value:
        case {"card": {"number": str(number)} as card}:
            return {**value, "card": {**card, "number": f"{len(number)} digits, {number[-4:]}"}}
        case _:
            return value
