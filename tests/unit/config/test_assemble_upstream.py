"""What becomes of an upstream's section only when the rest is known: the folder of the file, and its TLS settings."""

from proxy.config.model import Discover, DiscoverKind, Upstream
from tests.support.routes_yaml import BASE, load


def discovered(written: str, tls: str = "") -> Upstream:
    return load(BASE.replace('url: "http://127.0.0.1:8101"', f"discover: {written}{tls}")).upstreams["orders"]


def test_what_dns_finds_is_https_with_tls_settings() -> None:
    assert discovered('"dns://orders:81"', ", tls: {}").discover == Discover(
        DiscoverKind.DNS, "orders", 81, scheme="https"
    )


def test_a_file_of_endpoints_is_read_from_the_folder_of_the_file() -> None:
    assert discovered("conf/orders.yaml").discover == Discover(DiscoverKind.FILE, path="/nowhere/conf/orders.yaml")
    assert discovered("file:///etc/orders.yaml").discover == Discover(DiscoverKind.FILE, path="/etc/orders.yaml")
