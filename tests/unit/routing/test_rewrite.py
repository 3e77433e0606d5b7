import pytest

from proxy.config.model import PathRewrite
from tests.support.routing import head, route, table


def rewritten(pattern: str, sent: str, /, **rewrite: str) -> str:
    claimed = table(route("r", pattern, rewrite=PathRewrite(**rewrite))).match(head(sent))
    return claimed.rewrite(sent)


@pytest.mark.parametrize(
    ("pattern", "prefix", "path", "sent"),
    [
        ("/api/products/**", "/v2", "/api/products/7/reviews", "/v2/7/reviews"),
        ("/api/products/**", "/v2", "/api/products", "/v2"),
        ("/api/products/**", "/v2", "/api/products/", "/v2/"),
        ("/api/products/**", "/v2/", "/api/products/7", "/v2/7"),
        ("/api/**", "/", "/api/7", "/7"),
        ("/api/**", "/", "/api", "/"),
        ("/api/**", "/", "/api/", "/"),
        ("/**", "/new", "/a/b", "/new/a/b"),
        ("/**", "/new", "/", "/new/"),
        ("/shops/{id}/**", "/one", "/shops/7/a//b/", "/one/a//b/"),
    ],
)
def test_a_prefix_is_replaced_and_the_rest_kept(pattern, prefix, path, sent):
    assert rewritten(pattern, path, prefix=prefix) == sent


@pytest.mark.parametrize(
    ("pattern", "template", "path", "sent"),
    [
        ("/orders/{id}", "/v2/{id}", "/orders/7", "/v2/7"),
        ("/{a}/x/{b}", "/{b}/{a}-{b}.json", "/1/x/2", "/2/1-2.json"),
        ("/orders/{id}", "/fixed", "/orders/7", "/fixed"),
        ("/cart", "/basket", "/cart", "/basket"),
        ("~/old/[0-9]+", "/new", "/old/7", "/new"),
    ],
)
def test_a_template_is_filled_with_what_the_pattern_matched(pattern, template, path, sent):
    assert rewritten(pattern, path, path=template) == sent


def test_escapes_are_carried_over_untouched():
    assert rewritten("/o/{id}", "/o/a%20b%25", path="/v2/{id}") == "/v2/a%20b%25"


def test_a_route_without_a_rewrite_has_none():
    assert table(route("r", "/a")).match(head("/a")).rewrite is None


@pytest.mark.parametrize(
    ("pattern", "rewrite"),
    [("/a/{x}", PathRewrite(prefix="/b")), ("/a/{x}", PathRewrite(path="/b/{y}"))],
)
def test_a_rewrite_that_the_pattern_cannot_serve_is_refused(pattern, rewrite):
    with pytest.raises(ValueError, match="/a"):
        table(route("r", pattern, rewrite=rewrite))
