"""How a value is turned down: the exception that the parsers of single values raise, and how a message quotes a value.

Only document and decode catch `Refused`; they add the place, and leave out the value where it came from outside.
"""

_SHOWN = 60  # characters: enough to recognise a value, too few to flood a terminal


class Refused(ValueError):
    """`subject` (the value, or a part of it; None to quote nothing) followed by `reason` makes the message.

    `reason` never holds a piece of the value, so that a message can be written without it. `hint` may.
    """

    def __init__(self, subject: object, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.subject = subject
        self.reason = reason
        self.hint = hint

    @property
    def message(self) -> str:
        return self.reason if self.subject is None else f"{shown(self.subject)} {self.reason}"


def shown(value: object) -> str:
    """`value` as a message quotes it: on one line, and cut short."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    short = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short) + '"'
