"""The pytest plugin, by running pytest with it."""

import subprocess
import sys

import pytest

from tests.support.two_shops import TOKEN
from tests.unit.testing.conftest import Run

pytest_plugins = ["pytester"]


def test_a_whole_flow_keeps_ids_cookies_and_tokens_of_each_side_apart(run: Run) -> None:
    result = run(
        """
        def test_an_order(both):
            token = both.post("/login", json={"name": "alice"})["access_token"]
            assert both.get("/me").status_code == 200  # by each side's cookie
            both.legacy.cookies.clear()
            both.service.cookies.clear()
            assert both.get("/me").status_code == 401
            both.headers["Authorization"] = f"Bearer {token}"
            assert both.get("/me")["name"] == "alice"

            made = both.post("/orders", json={"lines": [1, 2]})
            assert made.status_code == 201
            order = made["id"]
            assert order.legacy != order.service
            assert both.get(f"/orders/{order}").assert_same(own="$.number")["id"] == order
            assert both.get("/orders", params={"id": order})["items"][0]["lines"] == [1, 2]
            both.post("/orders", json={"of": order, "note": f"as {order}"}, headers={"X-Of": order}).assert_same(
                own=["$.id", "$.number"]
            )
            made.assert_same()
        """
    )
    result.assert_outcomes(passed=1)


def test_files_are_sent_to_both_and_told_of_when_the_answers_differ(run: Run) -> None:
    result = run(
        """
        import io
        import pytest

        def test_files(both):
            upload = io.BytesIO(b'{"lines": [1]}')
            made = both.post("/orders", files={"file": ("lines.json", upload)}, data={"password": "hunter-2"})
            assert made["size"] > 200
            made.assert_same(own="$.id")

        def test_a_stream(both):
            with pytest.raises(TypeError, match="give the bytes"):
                both.post("/orders", content=iter([b"1"]))
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*$.number *", "E*legacy *curl *multipart*", "E*lines.json*"])
    assert "hunter-2" not in result.stdout.str().partition("ask them")[2]


def test_safe_requests_meet_and_writes_follow_each_other(run: Run) -> None:
    result = run(
        """
        def test_order_of_requests(both):
            assert both.get("/meet").status_code == 200
            both.post("/orders")
            both.delete("/orders")
        """
    )
    result.assert_outcomes(passed=1)
    assert run.shops.asked[2:] == [
        "legacy POST /orders",
        "service POST /orders",
        "legacy DELETE /orders",
        "service DELETE /orders",
    ]


def test_a_failure_tells_every_field_and_how_to_ask_without_a_secret(run: Run) -> None:
    result = run(
        """
        def test_prices(both):
            token = both.post("/login", json={"name": "alice"})["access_token"]
            both.get("/prices?kind=new", headers={"Authorization": f"Bearer {token}"}).assert_same(ignore="$.at")
        """,
        "--junitxml=report.xml",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: GET /prices[?]kind=new: the two sides differ",
            "E*value * $.items[[][*]].price (2 times)   legacy 9.99   service 9.90   at $.items[[]0].price",
            f"E*legacy *curl -i -H 'Authorization: Bearer [*][*][*]*{run.shops.legacy}/prices[?]kind=new*",
            f"E*service *curl -i -H 'Authorization: Bearer [*][*][*]*{run.shops.service}/prices[?]kind=new*",
        ]
    )
    report = (run.pytester.path / "report.xml").read_text(encoding="utf-8")
    assert 'name="strangler_differences"' in report
    assert 'name="strangler_curl_service"' in report
    told = result.stdout.str().partition("Error: GET")[2] + report
    assert TOKEN.format("legacy") not in told
    assert TOKEN.format("service") not in told


def test_a_failing_test_shows_no_token_of_its_client(run: Run) -> None:
    result = run(
        """
        def test_it(both):
            both.headers["Authorization"] = "Bearer " + "ab12" * 8
            both.get("/text").json()
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["both = <Both <legacy http://127*>, <service http://127*>>"])
    result.stdout.no_fnmatch_line("*" + "ab12" * 8 + "*")


def test_rules_of_a_call_take_differences_away(run: Run) -> None:
    result = run(
        """
        import pytest

        def test_rules(both):
            prices = both.get("/prices")
            prices.assert_same(ignore=["$.at", "$..token"], tolerance={"$.items[*].price": 0.1}, mask={"$": "[0-9]"})
            both.ignore.append("$.at")
            found = both.get("/prices").compare().differences
            assert {each.path for each in found} == {"$.items[*].price", "$.items[*].token"}

        @pytest.mark.parametrize("wrong", [{"ignore": "at"}, {"ignore": "css:[["}, {"tolerance": {"$.at": -1}}])
        def test_a_rule_that_is_none(both, wrong):
            with pytest.raises(ValueError, match="is not a"):
                both.get("/prices").assert_same(**wrong)
        """
    )
    result.assert_outcomes(passed=4)


def test_an_assertion_on_both_shows_what_each_said(run: Run) -> None:
    result = run(
        """
        def test_status(both):
            assert both.get("/prices")["at"] == "legacy"

        def test_missing(both):
            both.get("/prices")["nothing"]

        def test_no_json(both):
            both.get("/text").json()
        """
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E*assert <legacy 'legacy', service 'service'> == 'legacy'",
            "E*AssertionError: legacy has no 'nothing' in *",
            "E*AssertionError: http://127.0.0.1:* answered with no JSON: 200, text/plain, 5 bytes",
        ]
    )


def test_a_side_that_is_silent_is_named(run: Run) -> None:
    result = run(
        "def test_it(both):\n    both.get('/me')",
        *("--strangler-legacy", run.shops.legacy, "--strangler-service", "http://127.0.0.1:1"),
        sides=False,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*AssertionError: service (http://127.0.0.1:1) gave no answer to GET: *"])


def test_a_side_alone_is_sent_its_own_values(run: Run) -> None:
    result = run(
        """
        def test_it(both, legacy, service):
            order = both.post("/orders")["id"]
            assert legacy.get(f"/orders/{order}").json()["id"] == order.legacy
            assert service.get(f"/orders/{order}").json()["id"] == order.service
            assert service.get(f"/orders/{order.legacy}").status_code == 404
            found = both.get("/orders", params={"id": both.pair("1", order.service)})["items"]
            assert found.map(len) == both.pair(0, 1)
        """
    )
    result.assert_outcomes(passed=1)


def test_each_test_begins_without_cookies_and_with_data_reset(run: Run) -> None:
    result = run(
        """
        import pytest

        done = []

        @pytest.fixture
        def strangler_reset():
            done.append("reset")

        @pytest.fixture
        def token(both):
            done.append("token")
            return both.post("/login")["access_token"]

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(token, both, turn):
            assert done == ["reset", "token"] * turn
            assert both.legacy.cookies["session"] == token.legacy

        def test_afterwards(both):
            assert both.get("/me").status_code == 401
        """
    )
    result.assert_outcomes(passed=3)


ROUTES = """
version: 1
upstreams:
  monolith: {{url: {shops.legacy}}}
  orders: {{url: {shops.service}}}
  elsewhere: {{url: "http://127.0.0.1:1"}}
defaults: {{legacy: monolith}}
routes:
  - name: price-list
    match: GET /list
    to: orders
    rewrite: {{path: /prices}}
    headers: {{request: {{set: {{X-Of: shop}}}}}}
  - name: prices
    match: GET /prices
    to: orders
    compare:
      ignore: [{{path: $.at, because: they say their names}}, {{path: "$..token", because: their own}}]
      tolerance: {{"$.items[*].price": 0.1}}
  - name: nowhere
    match: GET /nowhere
    to: elsewhere
"""


def test_sides_and_rules_come_from_routes_yaml(run: Run) -> None:
    run.pytester.makefile(".yaml", routes=ROUTES.format(shops=run.shops))
    result = run(
        """
        import pytest

        def test_the_route_that_claims_the_request(both):
            both.get("/prices").assert_same()
            assert both.get("/list").status_code == both.pair(404, 200)

        def test_what_no_route_claims_is_asked_of_nobody(both):
            with pytest.raises(AssertionError, match="no route of routes.yaml claims POST /orders"):
                both.service.post("/orders")

        @pytest.mark.strangler(route="prices")
        def test_a_named_route(both):
            assert both.post("/orders").status_code == 201

        @pytest.mark.strangler(route="nowhere")
        def test_another_named_route(both):
            with pytest.raises(AssertionError, match="service .http://127.0.0.1:1. gave no answer"):
                both.get("/prices")
        """,
        sides=False,
    )
    result.assert_outcomes(passed=4)


def test_a_given_url_goes_before_that_of_the_file(run: Run) -> None:
    run.pytester.makefile(".yaml", routes=ROUTES.format(shops=run.shops))
    result = run(
        """
        import pytest

        @pytest.mark.strangler(route="nowhere")
        def test_it(both):
            assert both.get("/prices").status_code == 200
        """
    )
    result.assert_outcomes(passed=1)


def test_sides_come_from_the_ini_file_and_from_a_fixture(run: Run) -> None:
    run.pytester.makeini(
        f"""
        [pytest]
        strangler_legacy = {run.shops.legacy}
        strangler_service = {run.shops.service}
        """
    )
    source = "def test_it(both):\n    assert both.get('/prices').status_code == 200\n"
    run(source, sides=False).assert_outcomes(passed=1)
    fixture = f"""
        import pytest
        from proxy.testing import Sides

        @pytest.fixture(scope="session")
        def strangler_sides():
            return Sides(legacy="{run.shops.service}", service="{run.shops.legacy}")

        def test_it(both):
            assert both.get("/prices")["at"] == both.pair("service", "legacy")
        """
    run(fixture, sides=False).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "marker", "told"),
    [
        ([], "", "the monolith is not known: --strangler-legacy URL names it*"),
        (
            ["--strangler-legacy", "http://127.0.0.1:1"],
            "",
            "the service is not known: --strangler-service URL names it*",
        ),
        (["--strangler-legacy", "127.0.0.1:1"], "", "*is not a URL (did you mean http://127.0.0.1:1?)"),
        (["--strangler-config", "none.yaml"], "", "*none.yaml: no such file or directory*"),
        ([], "@pytest.mark.strangler('x')", "the marker is written @pytest.mark.strangler(route=*"),
    ],
)
def test_what_is_missing_is_told(run: Run, options: list[str], marker: str, told: str) -> None:
    result = run(f"import pytest\n{marker}\ndef test_it(both):\n    pass\n", *options, sides=False)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_a_route_that_does_not_exist_is_told_with_those_that_do(run: Run) -> None:
    run.pytester.makefile(".yaml", routes=ROUTES.format(shops=run.shops))
    result = run("import pytest\n@pytest.mark.strangler(route='price')\ndef test_it(both):\n    pass\n", sides=False)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*routes.yaml has no route 'price' (its routes: price-list, prices, nowhere)"])


def test_a_project_that_does_not_use_it_sees_nothing_of_it(run: Run) -> None:
    result = run("def test_it():\n    pass\n", sides=False)
    result.assert_outcomes(passed=1)
    assert "strangler" not in result.stdout.str().replace("strangler_fig_proxy", "").replace("strangler-fig-proxy", "")


def test_it_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(both):\n    pass\n")
    result = pytester.runpytest("-p", "no:strangler")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'both' not found*"])


def test_it_works_in_several_processes(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(4))
        def test_it(both, turn):
            order = both.post("/orders")["id"]
            both.get(f"/orders/{order}").assert_same(own="$.number")
            assert turn != 3
        """,
        *("-p", "xdist", "--numprocesses=2"),
    )
    result.assert_outcomes(passed=3, failed=1)


def test_loading_it_imports_nothing_heavy() -> None:
    script = "import sys, proxy.testing.plugin; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pytest" in loaded
    assert loaded.isdisjoint({"httpx", "pydantic", "yaml", "re2", "selectolax", "starlette", "click", "rich"})


def test_what_is_for_annotations_is_found_where_it_is_said_to_be() -> None:
    import proxy.testing

    assert {getattr(proxy.testing, name).__name__ for name in proxy.testing.__all__} == set(proxy.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Neither'"):
        proxy.testing.Neither  # noqa: B018 - the look-up is what is tested


def test_options_are_told(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--help")
    result.stdout.fnmatch_lines(["side-by-side tests (strangler):", "*--strangler-legacy=URL*"])
