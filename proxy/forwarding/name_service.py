"""Questions to DNS: the addresses of a name, and the servers of a service, with how long the answers hold.

The one place that knows dnspython. It never follows up a failure with a guess: what was not answered is NotFoundError,
and what to do then is the caller's business.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
import dns.rrset
from dns.rdtypes.IN.SRV import SRV

from proxy.config.model import Address
from proxy.forwarding.sources import NotFoundError

TRY_SECONDS: Final = 2.0
LIFETIME_SECONDS: Final = 5.0
"""For one question: a server that is silent is asked again, or another one is."""

ADDRESS_TYPES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class Addresses:
    """IPv4 and IPv6 addresses as text, sorted. `ttl` in seconds."""

    ips: tuple[str, ...]
    ttl: float


@dataclass(frozen=True, slots=True)
class Target:
    """One server of a service (RFC 2782). `known` are its addresses, if the answer brought them along."""

    host: str
    port: int
    priority: int
    known: Addresses | None = None


@dataclass(frozen=True, slots=True)
class Service:
    targets: tuple[Target, ...]
    ttl: float


class NameService:
    """Asks one DNS server, or those of /etc/resolv.conf as it is at each question."""

    def __init__(self, server: Address | None = None) -> None:
        self._server = server

    async def addresses(self, name: str) -> Addresses:
        """Both kinds, so one that fails leaves nothing to go by. Raises NotFoundError, also when there are none."""
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._ask(name, kind)) for kind in ADDRESS_TYPES]
        except* NotFoundError as failures:
            raise _first(failures) from None
        answers = [task.result() for task in asked]
        found = _addresses([answer.rrset for answer in answers if answer.rrset is not None])
        if found is None:
            raise NotFoundError(f"{name} has no address")
        # A chain of aliases is good for as long as its weakest link.
        ttl = min(answer.chaining_result.minimum_ttl for answer in answers if answer.rrset is not None)
        return Addresses(found.ips, ttl)

    async def service(self, name: str) -> Service:
        """The targets of an SRV name. Raises NotFoundError, also when there are none."""
        answer = await self._ask(name, dns.rdatatype.SRV)
        records = [record for record in answer.rrset or () if isinstance(record, SRV)]
        targets = tuple(
            Target(_text(record.target), record.port, record.priority, _brought_along(answer.response, record.target))
            for record in records
            if record.target != dns.name.root and record.port  # "decidedly not available" (RFC 2782), or nowhere
        )
        if not targets:
            raise NotFoundError(f"{name} names no server")
        return Service(targets, answer.chaining_result.minimum_ttl)

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer:
        try:
            return await self._resolver().resolve(name, kind, raise_on_no_answer=False, search=self._server is None)
        except dns.resolver.NXDOMAIN:
            raise NotFoundError(f"{name} does not exist", gone=True) from None
        except (dns.exception.DNSException, OSError) as error:
            raise NotFoundError(f"{name}: {_reason(error)}") from None

    def _resolver(self) -> dns.asyncresolver.Resolver:
        found = dns.asyncresolver.Resolver(configure=self._server is None)
        if self._server is not None:
            found.nameservers = [self._server.host]
            found.port = self._server.port
        found.timeout, found.lifetime = TRY_SECONDS, LIFETIME_SECONDS
        return found


def _addresses(records: list[dns.rrset.RRset]) -> Addresses | None:
    ips = sorted({record.to_text() for each in records for record in each})
    return Addresses(tuple(ips), min(each.ttl for each in records)) if ips else None


def _brought_along(response: dns.message.Message, host: dns.name.Name) -> Addresses | None:
    return _addresses([each for each in response.additional if each.name == host and each.rdtype in ADDRESS_TYPES])


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _reason(error: Exception) -> str:
    match error:
        case dns.resolver.LifetimeTimeout():
            return f"no answer within {LIFETIME_SECONDS:g} s"
        case dns.resolver.NoNameservers():
            return "no server gave a usable answer"
        case dns.resolver.NoResolverConfiguration():
            return "no name server is configured in /etc/resolv.conf"
    return str(error) or type(error).__name__


def _first(failures: BaseExceptionGroup[NotFoundError]) -> NotFoundError:
    """One of several; a name that does not exist says the most."""
    flat = [each for each in failures.exceptions if isinstance(each, NotFoundError)]
    return next((each for each in flat if each.gone), flat[0])
