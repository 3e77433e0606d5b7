"""Which names say that their value is a secret: of fields, cookies, form fields, JSON keys, parameters and elements.

Rather one too many than one too few: a masked value still shows whether two are equal, one that is written is out.
"""

import re
from collections.abc import Iterable
from typing import Final

STEMS: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "session", "csrf", "xsrf", "credential",
    "apikey", "accesskey", "privatekey", "subscriptionkey", "signingkey", "encryptionkey", "authkey", "authorization",
    "signature", "assertion", "samlresponse", "cookie", "authentication",
    "cardnumber", "creditcard", "debitcard", "securitycode", "onetimecode",
)  # fmt: skip
"""Anywhere in a name, whatever stands between its letters: API-Key, apiKey, x_api_key."""

WORDS: Final = (
    "auth", "bearer", "card", "cvc", "cvv", "cvv2", "iban", "jwt", "otp", "pan", "pass", "phpsessid", "pin", "remember",
    "sid", "sig", "ssn", "totp",
)  # fmt: skip
"""Only as a whole word of a name: `card_holder` and `cardHolder`, but not `discard`."""

# A page of this product, or of HTTP, about secrets that is no secret itself.
_HARMLESS: Final = frozenset({"www-authenticate", "proxy-authenticate", "access-control-allow-headers", "sec-ch-ua"})

_BETWEEN = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
MAX_NAME: Final = 200  # characters; what is longer is no name that anybody gave


class SecretNames:
    """Judges names. `extra` ones count as they stand, whatever their case. Remembers what it found, within a bound."""

    BOUND: Final = 4096

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self.extra = frozenset(name.lower() for name in extra)
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        found = self._known.get(name)
        if found is None:
            found = self._judge(name[:MAX_NAME])
            if len(self._known) >= self.BOUND:
                self._known.clear()
            self._known[name[:MAX_NAME]] = found
        return found

    def _judge(self, name: str) -> bool:
        lower = name.lower()
        if lower in self.extra:
            return True
        if lower in _HARMLESS:
            return False
        together = _BETWEEN.sub("", lower)
        if any(stem in together for stem in STEMS):
            return True
        words = _BETWEEN.split(_HUMP.sub("-", name).lower())
        return not _WORDS.isdisjoint(words)


_WORDS: Final = frozenset(WORDS)
