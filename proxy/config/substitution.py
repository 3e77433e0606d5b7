"""${…} inside a scalar: the environment and the files of secrets, read after the YAML is parsed.

So a value can never add a key or a line. What is filled in is never shown: messages quote the reference.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.config.refused import Refused

_REFERENCE = re.compile(r"\$\$|\$\{(?P<body>[^{}]*)\}|(?P<broken>\$\{)")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:[-?])(?P<rest>.*))?", re.DOTALL)
_HOW = "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}; $$ is a plain $"

ReadSecret = Callable[[str], str]
"""Path as written -> the file's text; raises OSError or ValueError, whose text is shown."""


@dataclass(slots=True)
class Substitution:
    """Fills in references, and remembers what it used: `used` feeds the revision, so that a change is seen."""

    environ: Mapping[str, str]
    read_secret: ReadSecret
    used: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def fill(self, text: str) -> tuple[str, bool]:
        """`text` with its references replaced, and whether there were any; raises Refused."""
        if "$" not in text:
            return text, False
        outside = False

        def replace(reference: re.Match[str]) -> str:
            nonlocal outside
            if reference["broken"]:
                raise Refused(None, "a ${ without its }, or one inside another", _HOW)
            if reference["body"] is None:
                return "$"
            outside = True
            return self._value(reference["body"])

        filled = _REFERENCE.sub(replace, text)
        return filled, outside

    def _value(self, body: str) -> str:
        if body.startswith("file:"):
            return self._secret(body.removeprefix("file:"))
        variable = _VARIABLE.fullmatch(body)
        if not variable:
            raise Refused(f"${{{body}}}", "is no reference", _HOW)
        name, operator, rest = variable.group("name", "operator", "rest")
        value = self.environ.get(name)
        self.used[name] = value or ""
        if operator is None and value is None:
            raise Refused(None, f"{name} is not set in the environment", f"set it, or write ${{{name}:-default}}")
        if operator == ":?" and not value:
            raise Refused(None, f"{name} is not set in the environment: {' '.join(rest.split()) or 'it is required'}")
        if operator == ":-":
            return value or rest
        return value or ""

    def _secret(self, path: str) -> str:
        try:
            value = self.read_secret(path)
        except OSError as error:
            raise Refused(path, f"cannot be read: {(error.strerror or 'input/output error').lower()}") from None
        except ValueError as error:
            raise Refused(path, f"cannot be used: {error}") from None
        self.used[f"file:{path}"] = value
        if path not in self.files:
            self.files.append(path)
        return value
