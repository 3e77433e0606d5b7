import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli.main import main

FILE = """\
version: 1
listen: { trusted_callers: [127.0.0.1/32] }
upstreams:
  monolith: { url: "http://127.0.0.1:8000" }
  inventory: { targets: ["http://127.0.0.1:8103", "http://127.0.0.1:8104"] }
defaults: { legacy: monolith }
routes:
  - name: products
    match: GET /api/products/**
    to: inventory
    stage: cutover
    rewrite: { prefix: /v2 }
    owner: team-inventory
    group: catalogue
  - { name: product-edit, match: "POST /api/products/{id}" }
  - { name: shop, match: { path: /, host: shop.example.com }, to: inventory }
  - { name: beta, match: { path: /beta, headers: { X-Beta: "yes" } } }
  - { name: old, match: /search/**, stage: retired, respond: { status: 308, see: /find } }
  - { name: gone, match: /gone, stage: retired }
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(FILE)
    return str(file)


@pytest.fixture
def ask(config):
    return lambda *arguments: CliRunner().invoke(main, ["explain", "-c", config, *arguments])


def test_a_sentence_says_who_answers_and_why(ask):
    result = ask("GET", "/api/products/7?page=2")
    assert result.exit_code == 0
    first, *rest = result.output.splitlines()
    assert first == "Route products claims GET /api/products/7?page=2: it is at stage cutover, so inventory answers."
    assert "  sent to  http://127.0.0.1:8103/v2/7?page=2 (one of its 2 endpoints)" in rest
    assert "  owner    team-inventory" in rest
    assert "  product-edit  method GET is not listed (POST)" in rest
    assert "4 more routes with another host or path (--all lists them)." in rest


@pytest.mark.parametrize(
    ("request_line", "sentence"),
    [
        ("GET /nope", "No route claims GET /nope: monolith answers, as for everything that no route claims."),
        ("POST /api/products/7", "Route product-edit claims POST /api/products/7: it is at stage legacy, so monolith"),
        ("GET /search/x", "it is retired, so the proxy answers 308 and sends clients to /find."),
        ("GET /gone", "it is retired, so the proxy answers 410."),
        ("GET /internal/sync", "the proxy answers 404 for /internal and everything below it."),
        ("GET http://shop.example.com:8080/", "Route shop claims"),
        ("OPTIONS *", "No route claims OPTIONS *"),
    ],
)
def test_each_kind_of_outcome_has_its_sentence(ask, request_line, sentence):
    result = ask(*request_line.split())
    assert result.exit_code == 0
    assert sentence in result.output.splitlines()[0]


def test_headers_take_part_and_host_is_one_of_them(ask):
    assert "Route shop claims" in ask("GET", "/", "-H", "Host: SHOP.example.com:8080").output
    assert "No route claims" in ask("GET", "/").output
    assert "Route beta claims" in ask("GET", "/beta", "-H", "X-Beta: yes", "-H", "X-Other: 1").output
    assert "beta  header x-beta is missing" in ask("GET", "/beta").output


def test_what_a_client_would_send_escaped_may_be_typed_plainly(ask):
    assert "http://127.0.0.1:8103/v2/caf%C3%A9" in ask("GET", "/api/products/café").output


def test_the_normal_form_is_what_is_matched_and_sent(ask):
    assert "http://127.0.0.1:8103/v2/a%2Bb" in ask("GET", "/api/%70roducts/a%2bb").output


def test_all_lists_every_other_route(ask):
    output = ask("GET", "/nope", "--all").output
    assert "products      path differs: /api/products/**" in output
    assert "shop          host differs: shop.example.com" in output
    assert "(--all lists them)" not in output


def test_a_trusted_caller_s_wish_is_followed_with_a_note(ask):
    output = ask("GET", "/api/products/7", "-H", "X-Strangler-Side: legacy").output
    assert "the caller asks for the legacy side, so monolith answers." in output
    assert "http://127.0.0.1:8000/api/products/7" in output
    assert "X-Strangler-Side is believed only from 127.0.0.1/32" in output


def test_a_wish_that_nobody_may_utter_is_ignored_with_a_note(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(FILE.replace("listen: { trusted_callers: [127.0.0.1/32] }\n", ""))
    asked = ["explain", "-c", str(file), "GET", "/api/products/7", "-H", "X-Strangler-Side: legacy"]
    output = CliRunner().invoke(main, asked).output
    assert "so inventory answers" in output
    assert "X-Strangler-Side is ignored: listen.trusted_callers is empty" in output


def test_a_wish_for_no_side_is_ignored_with_a_note(ask):
    output = ask("GET", "/api/products/7", "-H", "X-Strangler-Side: both").output
    assert "so inventory answers" in output
    assert "it is neither legacy nor service" in output


def test_the_json_form_has_every_rival(ask):
    content = json.loads(ask("GET", "/api/products/7", "--json").output)
    lost = content.pop("lost")
    assert content == {
        "route": "products",
        "side": "service",
        "reason": "stage",
        "upstream": "inventory",
        "url": "http://127.0.0.1:8103/v2/7",
        "bucket": None,
        "answer": None,
        "fallback": None,
        "shadow": None,
        "canary": None,
        "parts": [],
    }
    assert {one["route"] for one in lost} == {"product-edit", "shop", "beta", "old", "gone"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["G T", "/"], "'G T' is not a method"),
        (["get", "/"], "did you mean GET?"),
        (["GET", "cart"], "'cart' is not a path: it must begin with /"),
        (["GET", "/a b"], "write a space as %20"),
        (["GET", "/a/../b"], "refused with 400, the path holds a . or .. segment"),
        (["GET", "/a%2Fb"], "refused with 400, the path holds %2F"),
        (["GET", "*"], "the target * is for OPTIONS only"),
        (["TRACE", "/"], "refused with 405"),
        (["GET", "/", "-H", "no colon"], "a header is written -H 'Name: value'"),
        (["GET", "/", "-H", "Bad Name: x"], "a header is written -H 'Name: value'"),
        (["GET", "/", "-H", "Authorization: hunter2\r\nX: y"], "the value of header Authorization holds a control"),
        (["GET", "/", "-H", "Host: a", "-H", "Host: b"], "there are two Host fields"),
    ],
)
def test_a_request_that_cannot_be_asked_about_is_exit_2_with_the_reason(ask, arguments, said):
    result = ask(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "hunter2" not in result.stderr


def test_a_missing_file_is_exit_2_without_a_traceback(tmp_path):
    result = CliRunner().invoke(main, ["explain", "-c", str(tmp_path / "none.yaml"), "GET", "/"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.yaml" in result.stderr


RESILIENT = """\
version: 1
upstreams:
  monolith: { url: "http://127.0.0.1:8000" }
  orders: { discover: "dns://orders.internal:8101" }
  payments: { discover: payments.yaml }
defaults: { legacy: monolith }
routes:
  - { name: stock, match: /stock/**, to: orders, stage: cutover, fallback: { on: [timeout, 404] } }
  - { name: pay, match: /pay, to: payments, stage: cutover }
  - name: summary
    match: GET /orders/{id}/summary
    aggregate:
      order: { from: orders, get: "/orders/{id}", required: true }
      payment: { from: payments, get: "/payments?order={id}" }
"""


@pytest.fixture
def ask_resilient(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(RESILIENT)
    return lambda *arguments: CliRunner().invoke(main, ["explain", "-c", str(file), *arguments]).output.splitlines()


def test_a_fallback_is_told_where_it_can_happen(ask_resilient):
    told = "  instead  http://127.0.0.1:8000/stock/7 on timeout, 404, or while the breaker is open"
    assert told in ask_resilient("GET", "/stock/7")
    assert not any("instead" in line for line in ask_resilient("POST", "/stock/7"))


def test_endpoints_that_are_looked_up_are_told_as_such(ask_resilient):
    told = "  sent to  http://orders.internal:8101/stock/7 (found at dns://orders.internal:8101)"
    assert told in ask_resilient("GET", "/stock/7")
    (sent,) = (line for line in ask_resilient("GET", "/pay") if "sent to" in line)
    assert sent.startswith("  sent to  an endpoint (found at file:///")
    assert sent.endswith("/payments.yaml)")


def test_a_composed_answer_is_told_part_by_part(ask_resilient):
    first, *rest = ask_resilient("GET", "/orders/7/summary")
    assert first.endswith("it is at stage cutover, so the answer is composed of 2 parts.")
    at = rest.index("Parts of the answer:")
    assert rest[at + 1] == "  order    http://orders.internal:8101/orders/7 (required)"
    assert rest[at + 2].startswith("  payment  an endpoint found at file:///")


def test_a_copy_is_said_with_its_share_and_why_there_is_none(config, ask):
    with Path(config).open("a") as file:
        file.write("  - { name: cart, match: /cart, to: inventory, stage: shadow, shadow: { sample: 25% } }\n")
    got = ask("GET", "/cart")
    assert "at stage shadow, so monolith answers." in got.output
    assert "  copy     http://127.0.0.1:8103/cart of 25% of them, only to be compared" in got.output
    assert "  copy     none to inventory: POST may change something" in ask("POST", "/cart").output


CANARY = """
  - name: product-pages
    match: GET /pages/**
    to: inventory
    stage: canary
    group: catalogue
    canary: { weight: 25%, sticky: { header: X-Customer }, allow: [qa-1], deny: [boss] }
"""


@pytest.fixture
def ask_canary(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(FILE.replace("listen: {", "listen: { trusted_proxies: [10.0.0.0/8],") + CANARY)
    return lambda *more: CliRunner().invoke(main, ["explain", "-c", str(file), "GET", "/pages/7", *more])


def test_a_user_at_canary_is_explained_with_both_sides(ask_canary):
    result = ask_canary("-H", "X-Customer: 4711")
    assert result.exit_code == 0, result.output
    first, *rest = result.output.splitlines()
    stands = "it is at canary with 25% of the users, this one not among them"
    assert first == f"Route product-pages claims GET /pages/7: {stands}, so monolith answers."
    assert "  user     told by a header: bucket 8443 of 10000 under catalogue" in rest
    assert "  service  http://127.0.0.1:8103/pages/7 for buckets below 2500 (25%)" in rest
    assert "  legacy   http://127.0.0.1:8000/pages/7 for the others" in rest
    assert "4711" not in result.output


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (("-H", "X-Customer: 4"), "with 25% of the users, this one among them, so inventory"),
        (("-H", "X-Customer: qa-1"), "the user stands under allow, so inventory answers"),
        (("-H", "X-Customer: boss"), "the user stands under deny, so monolith answers"),
        (("-H", "X-Customer: 4711", "-H", "X-Strangler-Side: service"), "asks for the service side, so inventory"),
        (("-H", "Authorization: Bearer hunter2"), "told by Authorization: bucket"),
        (("-H", "Cookie: strangler_id=AAAAAAAAAAAAAAAAAAAAAA"), "told by the cookie strangler_id: bucket"),
        (("-H", "Cookie: strangler_pin=x"), "the cookie strangler_pin is not looked at here"),
        ((), "told by the address: bucket"),
    ],
)
def test_what_told_the_user_and_what_decided_is_said(ask_canary, sent, said):
    output = ask_canary(*sent).output
    assert said in output
    assert "hunter2" not in output


def test_the_address_is_the_client_s_where_a_trusted_proxy_says_it(ask_canary):
    def bucket(*sent):
        return json.loads(ask_canary("--json", *sent).output)["bucket"]

    direct = bucket("--from", "203.0.113.9")
    assert bucket("--from", "10.0.0.1", "-H", "X-Forwarded-For: 203.0.113.9") == direct
    assert (
        bucket("--from", "192.0.2.1", "-H", "X-Forwarded-For: 203.0.113.9") == bucket("--from", "192.0.2.1") != direct
    )


def test_what_is_no_address_is_refused(ask_canary):
    result = ask_canary("--from", "somewhere")
    assert result.exit_code == 2
    assert "that is no address" in result.output
