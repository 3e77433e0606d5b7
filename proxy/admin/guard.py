"""Who may speak to the console: a Host that is ours, and for the API the bearer of the token.

The Host check stops DNS rebinding: a page of another site that makes its own name point at this address. Nothing here
sets a cookie or allows another origin, so a browser cannot be made to use an operator's rights.
"""

import hmac
import ipaddress
from collections.abc import Callable, Collection
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.admin.problems import problem
from proxy.config.model import Address
from proxy.control.listeners import is_loopback

HOSTS_VARIABLE = "STRANGLER_CONSOLE_HOSTS"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def host_check(console: Address, more: Collection[str] = ()) -> Callable[[str], bool]:
    """Which values of Host are ours. Beyond loopback also any IP address: where there is no name, none is rebound."""
    names = _LOOPBACK_NAMES | {console.host.lower()} | {name.strip().lower() for name in more if name.strip()}
    public = not is_loopback(console.host)

    def allowed(value: str) -> bool:
        name = _name_of(value.lower())
        return name in names or (public and _is_address(name))

    return allowed


def _name_of(host: str) -> str:
    """The host of a Host header, without port and brackets; empty when it is not well formed."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name if bracket and (not port or (port[0] == ":" and port[1:].isdigit())) else ""
    name, colon, port = host.partition(":")
    return name if not colon or port.isdigit() else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: refuses a foreign Host, adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, allowed: Callable[[str], bool], exempt: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._allowed = allowed
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        if scope["path"] in self._exempt or (len(hosts) == 1 and self._allowed(hosts[0])):
            await self._app(scope, receive, send_with_headers)
            return
        refusal = problem(421, "host", f"This name is not the console's. To allow it, name it in {HOSTS_VARIABLE}.")
        await refusal(scope, receive, send_with_headers)


class Bearer:
    """ASGI middleware: lets in who shows the token (RFC 6750); without a configured one, nobody."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._expected = None if token is None else _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._shows_token(Headers(scope=scope).getlist("authorization")):
            await self._app(scope, receive, send)
            return
        detail = "Send the console's token: Authorization: Bearer ..."
        refusal = problem(401, "token", detail, headers={"WWW-Authenticate": 'Bearer realm="strangler"'})
        await refusal(scope, receive, send)

    def _shows_token(self, values: list[str]) -> bool:
        if self._expected is None or len(values) != 1:
            return False
        scheme, _, shown = values[0].partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(_digest(shown.strip().encode()), self._expected)


def _digest(token: bytes) -> bytes:
    """Of equal length for every token, so that comparing in constant time hides the length too."""
    return sha256(token).digest()
