"""A socket address on the command line."""

import click

from proxy.config.model import Address


class AddressType(click.ParamType[Address]):
    """HOST:PORT, with an IPv6 host in brackets."""

    name = "host:port"

    def convert(self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = value.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):
            self.fail(f"{value!r} is not HOST:PORT, like 127.0.0.1:8080 or [::1]:8080", param, ctx)
        if ":" in host and not bracketed:
            self.fail(f"{value!r}: put an IPv6 address in brackets, like [::1]:8080", param, ctx)
        return Address(host[1:-1] if bracketed else host, int(port))
