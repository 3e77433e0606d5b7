import pytest

from proxy.config.compare import Shadow
from proxy.config.model import Discover, DiscoverKind, Endpoint, PathRewrite, Respond, Upstream
from proxy.config.moving import Canary, Moving
from proxy.config.policy import AggregatePart, Conditions, ErrorCondition, Fallback, Key, KeyKind
from proxy.routing.decision import Reason, Side
from proxy.routing.explain import Answer, explain
from proxy.routing.table import compile_table
from tests.support.routing import head, route, snapshot


def explained(request, *routes, override=None):
    asked = head(request) if isinstance(request, str) else request
    made = snapshot(*routes)
    return explain(compile_table(made), made, asked, override)


def test_the_decision_and_the_url_an_upstream_is_asked_for():
    found = explained("/a/1?x=%20", route("r", "/a/**"))
    assert (found.route, found.side, found.reason, found.upstream) == ("r", Side.SERVICE, Reason.STAGE, "service")
    assert found.url == "http://127.0.0.1:8103/a/1?x=%20"
    assert found.answer is None


def test_the_service_is_shown_the_rewritten_path_and_the_monolith_the_sent_one():
    made = route("r", "/a/**", rewrite=PathRewrite(prefix="/b"))
    assert explained("/a/1?q=1", made).url == "http://127.0.0.1:8103/b/1?q=1"
    assert explained("/a/1?q=1", made, override=Side.LEGACY).url == "http://127.0.0.1:8000/a/1?q=1"


def test_an_endpoint_s_own_prefix_is_part_of_the_url():
    made = snapshot(route("r", "/a"))
    made.upstreams["service"] = Upstream("service", (Endpoint("https", "svc.test", 443, "/v1"),))
    assert explain(compile_table(made), made, head("/a")).url == "https://svc.test/v1/a"


def test_what_no_route_claims_goes_to_the_monolith():
    found = explained("/b", route("r", "/a"))
    assert (found.route, found.side, found.reason) == ("default", Side.LEGACY, Reason.DEFAULT)
    assert explained("OPTIONS *", route("r", "/**")).url == "http://127.0.0.1:8000"


def test_a_retired_route_answers_itself():
    gone = explained("/a", route("r", "/a", stage="retired", respond=Respond(410, see="/b")))
    assert (gone.side, gone.upstream, gone.url, gone.answer) == (Side.NONE, None, None, Answer(410))
    moved = explained("/a", route("r", "/a", stage="retired", respond=Respond(308, see="/b")))
    assert moved.answer == Answer(308, "/b")


@pytest.mark.parametrize("path", ["/internal", "/internal/", "/internal/sync/fence"])
def test_internal_paths_are_answered_404_before_any_route_is_asked(path):
    found = explained(path, route("r", "/**"))
    assert (found.route, found.side, found.reason, found.upstream) == (None, Side.NONE, None, None)
    assert found.answer == Answer(404)
    assert found.lost == ()


@pytest.mark.parametrize("path", ["/internals", "/a/internal", "/Internal"])
def test_paths_that_only_look_internal_are_routed(path):
    assert explained(path, route("r", "/**")).route == "r"


def test_the_json_form():
    assert explained("GET /a", route("r", "/a", stage="legacy"), route("post", "POST /a")).as_json() == {
        "route": "r",
        "side": "legacy",
        "reason": "stage",
        "upstream": "monolith",
        "url": "http://127.0.0.1:8000/a",
        "bucket": None,
        "answer": None,
        "fallback": None,
        "shadow": None,
        "canary": None,
        "parts": [],
        "lost": [{"route": "post", "why": "method GET is not listed (POST)"}],
    }


PARTS = (
    AggregatePart("order", "service", "/api/orders/{id}", required=True),
    AggregatePart("payment", "monolith", "/api/payments?order_id={id}&page={query.page}"),
)


def test_a_composed_answer_says_what_each_part_is_asked_for():
    found = explained("GET /a/7?page=2", route("summary", "GET /a/{id}", to=None, aggregate=PARTS))
    assert (found.side, found.upstream, found.url, found.answer) == (Side.SERVICE, None, None, None)
    assert found.as_json()["parts"] == [
        {"name": "order", "upstream": "service", "url": "http://127.0.0.1:8103/api/orders/7", "required": True},
        {
            "name": "payment",
            "upstream": "monolith",
            "url": "http://127.0.0.1:8000/api/payments?order_id=7&page=2",
            "required": False,
        },
    ]


def test_a_composed_answer_at_legacy_has_no_parts():
    found = explained("GET /a/7", route("summary", "GET /a/{id}", to=None, stage="legacy", aggregate=PARTS))
    assert (found.upstream, found.parts) == ("monolith", ())


def test_a_fallback_says_who_answers_instead_and_when():
    fallback = Fallback(Conditions((ErrorCondition.TIMEOUT,), (404, *range(500, 600))))
    made = route("r", "/a/**", rewrite=PathRewrite(prefix="/v2"), fallback=fallback)
    found = explained("GET /a/7?b=c", made)
    assert found.url == "http://127.0.0.1:8103/v2/7?b=c"
    assert found.as_json()["fallback"] == {
        "upstream": "monolith",
        "url": "http://127.0.0.1:8000/a/7?b=c",
        "on": ["timeout", "5xx", 404],
    }


@pytest.mark.parametrize(("request_line", "stage"), [("POST /a", "cutover"), ("GET /a", "legacy")])
def test_what_never_falls_back_says_nothing_of_it(request_line, stage):
    assert explained(request_line, route("r", "/a", stage=stage, fallback=Fallback())).fallback is None


@pytest.mark.parametrize(
    ("discover", "url"),
    [
        (Discover(DiscoverKind.DNS, "orders.internal", 8101), "http://orders.internal:8101/a?b=c"),
        (Discover(DiscoverKind.SRV, "_http._tcp.orders", scheme="https"), "https://_http._tcp.orders/a?b=c"),
        (Discover(DiscoverKind.FILE, path="/etc/endpoints.yaml"), None),
    ],
)
def test_an_upstream_that_is_looked_up_is_named_by_what_is_looked_up(discover, url):
    made = snapshot(route("r", "/a"))
    made.upstreams["service"] = Upstream("service", (), discover=discover)
    assert explain(compile_table(made), made, head("GET /a?b=c")).url == url


def test_a_shadowed_route_says_where_copies_go():
    made = route("r", "/a/**", stage="shadow", rewrite=PathRewrite(prefix="/v2"), shadow=Shadow(sample=0.25))
    found = explained("GET /a/7?b=c", made)
    assert (found.side, found.reason, found.upstream) == (Side.LEGACY, Reason.STAGE, "monolith")
    assert found.as_json()["shadow"] == {
        "upstream": "service",
        "url": "http://127.0.0.1:8103/v2/7?b=c",
        "sample": 0.25,
        "why_not": None,
    }


def test_after_cutover_copies_go_to_the_monolith_as_the_client_sent_them():
    made = route("r", "/a/**", rewrite=PathRewrite(prefix="/v2"), shadow=Shadow())
    found = explained("GET /a/7", made)
    assert found.shadow is not None
    assert (found.upstream, found.shadow.upstream, found.shadow.url) == (
        "service",
        "monolith",
        "http://127.0.0.1:8000/a/7",
    )


@pytest.mark.parametrize(
    ("request_line", "override", "why_not"),
    [
        ("POST /a", None, "POST may change something"),
        ("OPTIONS /a", None, "OPTIONS is never copied"),
        ("GET /a", Side.SERVICE, "a side was asked for"),
        ("HEAD /a", None, None),
    ],
)
def test_a_request_that_is_not_copied_says_why(request_line, override, why_not):
    made = snapshot(route("r", "/a", stage="shadow", shadow=Shadow()))
    found = explain(compile_table(made), made, head(request_line), override)
    assert found.shadow is not None
    assert found.shadow.why_not == why_not


def test_a_route_that_is_not_shadowed_has_no_copies():
    assert explained("GET /a", route("r", "/a", stage="legacy", shadow=Shadow())).shadow is None


def at_canary(**settings):
    moving = Moving(canary=Canary(sticky=Key(KeyKind.HEADER, "x-customer"), **settings))
    rewrite = PathRewrite(prefix="/v2")
    one = route("r", "/a/**", stage="canary", group="checkout", shadow=Shadow(), rewrite=rewrite, moving=moving)
    return snapshot(one)


def test_a_route_at_canary_says_where_its_user_stands_and_where_the_others_go():
    made = at_canary(weight=0.25)
    asked = head("GET /a/7?b=c", headers={"X-Customer": "4711"})
    found = explain(compile_table(made), made, asked, address="203.0.113.9").as_json()
    assert (found["side"], found["reason"], found["upstream"], found["bucket"]) == (
        "legacy",
        "weight",
        "monolith",
        8411,
    )
    assert found["canary"] == {
        "weight": 0.25,
        "below": 2500,
        "salt": "checkout",
        "told_by": "header",
        "named": True,
        "service": "service",
        "service_url": "http://127.0.0.1:8103/v2/7?b=c",
        "legacy": "monolith",
        "legacy_url": "http://127.0.0.1:8000/a/7?b=c",
    }
    assert (found["shadow"]["upstream"], found["shadow"]["why_not"]) == ("service", None)


def test_a_user_without_what_is_named_is_explained_by_the_address():
    made = at_canary(weight=0.25)
    found = explain(compile_table(made), made, head("GET /a/7"), address="203.0.113.9")
    assert (found.bucket, found.side, found.divided.told_by.value) == (681, Side.SERVICE, "ip")
    assert found.shadow.upstream == "monolith"


@pytest.mark.parametrize(
    ("settings", "override", "reason", "copied"),
    [
        ({"deny": ("4711",)}, None, "deny", True),
        ({"allow": ("4711",)}, None, "allow", True),
        ({}, Side.SERVICE, "override", False),
    ],
)
def test_what_decides_at_canary_is_the_reason(settings, override, reason, copied):
    made = at_canary(**settings)
    found = explain(compile_table(made), made, head("GET /a/7", headers={"X-Customer": "4711"}), override)
    assert (found.reason.value, found.shadow.why_not is None, found.bucket) == (reason, copied, 8411)
