"""What tells clients apart, as it is written."""

import pytest

from proxy.config.client_key import client_key
from proxy.config.policy import Key, KeyKind
from proxy.config.refused import Refused


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ip", Key()),
        ({"header": "X-Api-Key"}, Key(KeyKind.HEADER, "x-api-key")),
        ({"cookie": "Session"}, Key(KeyKind.COOKIE, "Session")),
    ],
)
def test_a_key_is_the_address_a_header_or_a_cookie(written: object, meant: Key) -> None:
    assert client_key(written) == meant


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("user", "the proxy does not know users yet", "ip, { header: X-Api-Key } and { cookie: session } work"),
        ("header", '"header" needs a name', "write { header: NAME }"),
        ("address", '"address" is not a key', "ip, {"),
        ({"heder": "X"}, '"heder" tells no clients apart', 'did you mean "header"?'),
        ({"header": "X", "cookie": "y"}, "a key is one header or one cookie", "ip, {"),
        ({"header": "X Y"}, '"X Y" is not the name of a header', None),
        ({"header": 7}, "is a number", "quotes"),
        ([], "a list is not a key", "ip, {"),
    ],
)
def test_anything_else_is_no_key(written: object, message: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        client_key(written)
    assert message in caught.value.message
    assert (caught.value.hint is None) if hint is None else (hint in str(caught.value.hint))
