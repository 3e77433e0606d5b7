"""Where endpoints are found, and the file that lists them."""

import pytest

from proxy.config import ConfigError
from proxy.config.discovery import discover, parse_endpoints, resolver
from proxy.config.model import MAX_ENDPOINTS, Address, Discover, DiscoverKind, Endpoint
from proxy.config.refused import Refused


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("srv://_http._tcp.orders.internal", Discover(DiscoverKind.SRV, "_http._tcp.orders.internal")),
        ("SRV://Orders.Service.Consul.", Discover(DiscoverKind.SRV, "orders.service.consul")),
        ("dns://orders.internal:8101", Discover(DiscoverKind.DNS, "orders.internal", 8101)),
        ("file:///etc/strangler/orders%20a.yaml", Discover(DiscoverKind.FILE, path="/etc/strangler/orders a.yaml")),
        ("endpoints.yaml", Discover(DiscoverKind.FILE, path="endpoints.yaml")),
        ("../shared/orders.yml", Discover(DiscoverKind.FILE, path="../shared/orders.yml")),
    ],
)
def test_endpoints_are_found_in_dns_or_in_a_file(written: str, meant: Discover) -> None:
    assert discover(written) == meant


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("orders.internal", "does not say where", "srv://_http._tcp.NAME"),
        ("http://orders:8101", "is an endpoint itself", "write it as url:"),
        ("sry://orders", "does not say where", 'did you mean "srv"?'),
        ("dns://orders.internal", "has no port", "such as dns://"),
        ("dns://orders.internal:0", "not between 1 and 65535", ""),
        ("dns://10.0.0.7:8101", "holds an address", "url:"),
        ("dns://[::1]:8101", "holds an address", "url:"),
        ("dns://or ders:81", "does not name what to look up", "such as dns://"),
        ("srv://orders.internal:80", "has a port", "dns://"),
        ("srv://", "does not name what to look up", "such as srv://"),
        ("file://endpoints.yaml", "names a host", "three slashes"),
        ("file:///", "is not the path of a file", "such as"),
        ("file:///a?b", "is not the path of a file", "such as"),
        ("file:///%00", "is not the path of a file", "such as"),
        ("dns://user:secret@h:1", "has a user", "credentials do not belong"),
        (8101, "is a number", "quotes"),
    ],
)
def test_anything_else_is_no_place_to_look(written: object, message: str, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        discover(written)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "secret" not in caught.value.message


def test_a_resolver_is_an_address_with_a_port() -> None:
    assert resolver("127.0.0.1:5353") == Address("127.0.0.1", 5353)
    assert resolver("[::1]:53") == Address("::1", 53)
    for wrong in ("ns.internal:53", "127.0.0.1:0", "127.0.0.1", 53):
        with pytest.raises(Refused):
            resolver(wrong)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Discover(DiscoverKind.SRV, "_http._tcp.orders"), "srv://_http._tcp.orders"),
        (Discover(DiscoverKind.DNS, "orders", 8101), "dns://orders:8101"),
        (Discover(DiscoverKind.FILE, path="/etc/a.yaml"), "file:///etc/a.yaml"),
    ],
)
def test_where_endpoints_are_found_is_told_as_it_is_written(found: Discover, text: str) -> None:
    assert str(found) == text
    assert discover(text) == found


ONE, OTHER = Endpoint("http", "10.0.0.7", 8103), Endpoint("https", "h", 443, "/v1")


@pytest.mark.parametrize(
    "text",
    [
        "[http://10.0.0.7:8103, https://h/v1/]",
        "- http://10.0.0.7:8103\n- https://h/v1\n",
        "# who serves\nendpoints:\n  - http://10.0.0.7:8103\n  - https://h/v1\n",
        b'{"endpoints": ["http://10.0.0.7:8103", "https://h/v1"]}',
    ],
)
def test_a_file_lists_endpoints(text: str | bytes) -> None:
    assert parse_endpoints(text, "endpoints.yaml") == (ONE, OTHER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: a list with at least one URL is expected"),
        ("[]", "1:1: a list with at least one URL is expected (hint: - http://10.0.0.7:8103)"),
        ("endpoints: []", "1:12: a list with at least one URL"),
        ("http://h", "1:1: a list with at least one URL"),
        ("[http://h, http://H:80/]", "1:12: this endpoint is listed twice (first on line 1)"),
        ("- h:80\n", '1:3: "h:80" is not a URL'),
        ("- [http://h]\n", "1:3: a list stands where text is expected"),
        ("endpoint: [http://h]", '1:1: unknown key "endpoint" (hint: keys here: endpoints)'),
        ("- http://user:secret@h\n", "1:3: this URL has a user"),
        ("- ${HOST}\n", "1:3: HOST is not set in the environment"),
        ("- ${file:/etc/hostname}\n", '1:3: "/etc/hostname" cannot be used: a list of endpoints fills nothing in'),
        ("- http://h\n--- \n", "2:1: a second document begins here"),
        ("[", "not YAML"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoints(text, "endpoints.yaml")
    assert any(expected in str(problem) for problem in caught.value.problems), str(caught.value)
    assert all(str(problem).startswith("endpoints.yaml:") for problem in caught.value.problems)
    assert "secret" not in str(caught.value)


def test_a_file_has_a_bounded_number_of_endpoints() -> None:
    urls = [f"- http://h:{port}\n" for port in range(1, MAX_ENDPOINTS + 2)]
    assert len(parse_endpoints("".join(urls[:-1]), "f")) == MAX_ENDPOINTS
    with pytest.raises(ConfigError, match="1,001 endpoints; at most 1,000 are taken"):
        parse_endpoints("".join(urls), "f")
