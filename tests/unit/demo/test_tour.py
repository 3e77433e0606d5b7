"""What the tour's visitors do."""

from proxy.demo.tour import visited


def test_visitors_ask_for_a_page_a_product_and_its_stock() -> None:
    assert visited("/api/products/FIG-1") == ("/", "/api/products/FIG-1", "/api/stock/FIG-1")
