"""Precedence, as the documentation states it."""

import pytest

from tests.support.routing import head, match, route, table, winner


def test_an_exact_path_beats_a_template_beats_a_prefix_beats_a_regex():
    regex, prefix, template, exact = (
        route("regex", "~/a/[0-9]+"),
        route("prefix", "/a/**"),
        route("template", "/a/{id}"),
        route("exact", "/a/1"),
    )
    assert winner(table(regex, prefix, template, exact), "/a/1") == "exact"
    assert winner(table(regex, prefix, template), "/a/1") == "template"
    assert winner(table(regex, prefix), "/a/1") == "prefix"
    assert winner(table(regex), "/a/1") == "regex"


def test_the_longest_prefix_wins():
    routes = table(route("all", "/**"), route("a", "/a/**"), route("ab", "/a/b/**"))
    assert [winner(routes, path) for path in ("/a/b/c", "/a/b", "/a/c", "/c", "/")] == ["ab", "ab", "a", "all", "all"]


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/b", "/a//b", "/a/b/"])
def test_a_prefix_matches_its_own_path_and_everything_below(path):
    assert winner(table(route("a", "/a/**")), path) == "a"


@pytest.mark.parametrize("path", ["/ab", "/", "/b/a", "//a", "/A"])
def test_a_prefix_ends_at_a_slash_and_is_case_sensitive(path):
    assert winner(table(route("a", "/a/**")), path) is None


def test_among_templates_the_leftmost_literal_wins():
    routes = table(route("right", "/{x}/b"), route("left", "/a/{y}"), route("none", "/{x}/{y}"))
    assert [winner(routes, path) for path in ("/a/b", "/a/c", "/c/b", "/c/d")] == ["left", "left", "right", "none"]


def test_a_template_with_a_rest_ranks_as_a_prefix_by_the_number_of_its_segments():
    routes = table(
        route("short", "/shops/**"), route("deep", "/shops/{id}/stock/**"), route("one", "/shops/{id}/stock")
    )
    assert winner(routes, "/shops/7/stock/3") == "deep"
    assert winner(routes, "/shops/7/stock") == "one"
    assert winner(routes, "/shops/7/till") == "short"
    literal = table(route("wild", "/{x}/**"), route("literal", "/a/**"))
    assert winner(literal, "/a/b") == "literal"


def test_a_name_stands_for_one_segment_that_is_not_empty():
    routes = table(route("r", "/a/{id}"))
    assert winner(routes, "/a/7") == "r"
    assert [winner(routes, path) for path in ("/a/", "/a", "/a/7/", "/a/7/b", "/a//7")] == [None] * 5


def test_duplicate_and_trailing_slashes_count_as_sent():
    routes = table(route("plain", "/a/b"), route("slash", "/a/b/"), route("template", "/a/{x}/"))
    assert winner(routes, "/a/b/") == "slash"
    assert winner(routes, "/a/c/") == "template"
    assert winner(routes, "/a//b") is None


def test_a_regex_must_match_the_whole_path():
    routes = table(route("r", "~/v[0-9]+/x"))
    assert [winner(routes, path) for path in ("/v2/x", "/v2/xy", "/a/v2/x")] == ["r", None, None]


def test_regexes_rank_by_their_other_conditions_then_by_the_file():
    routes = table(route("first", "~/a.*"), route("second", "~/.*"), route("get", "GET ~/.*"))
    assert winner(routes, "GET /a") == "get"
    assert winner(routes, "POST /a") == "first"


def test_a_method_given_beats_more_headers_and_headers_beat_query_conditions():
    with_headers = match("/a", headers={"X-A": "1", "X-B": "1"})
    with_query = match("/a", query={"p": "1", "q": "1"}, headers={"X-A": "1"})
    asked = head("GET /a?p=1&q=1", headers={"X-A": "1", "X-B": "1"})
    assert winner(table(route("headers", with_headers), route("method", "GET /a")), asked) == "method"
    assert winner(table(route("query", with_query), route("headers", with_headers)), asked) == "headers"
    more_query = match("/a", query={"p": "1", "q": "1"})
    assert winner(table(route("one", match("/a", query={"p": "1"})), route("two", more_query)), asked) == "two"


def test_a_cookie_condition_counts_as_a_header_condition():
    cookie, header = match("/a", cookies={"beta": True}), match("/a", headers={"X-A": "1"})
    asked = head("/a", headers={"Cookie": "beta=1", "X-A": "1"})
    assert winner(table(route("header", header), route("cookie", cookie)), asked) == "header"
    both = match("/a", headers={"X-A": "1"}, cookies={"beta": True})
    assert winner(table(route("header", header), route("both", both)), asked) == "both"


def test_ties_go_to_the_route_that_the_file_names_first():
    assert winner(table(route("one", "/a/{x}"), route("two", "/a/{y}")), "/a/b") == "one"


def test_a_condition_that_fails_gives_way_to_the_next_in_rank():
    routes = table(
        route("exact", match("POST /a/b")),
        route("beta", match("/a/{x}", headers={"X-Beta": "yes"})),
        route("gets", "GET /a/**"),
        route("all", "/**"),
    )
    assert winner(routes, "POST /a/b") == "exact"
    assert winner(routes, head("GET /a/b", headers={"X-Beta": "yes"})) == "beta"
    assert winner(routes, "GET /a/b") == "gets"
    assert winner(routes, "PUT /a/b") == "all"


def test_a_wildcard_host_matches_at_any_depth_but_not_the_name_itself():
    routes = table(route("r", match("/**", host="*.example.com")))
    asked = ["shop.example.com", "a.b.example.com", "example.com", ".example.com", "badexample.com", ""]
    assert [winner(routes, head("/", host=host)) for host in asked] == ["r", "r", None, None, None, None]


def test_hosts_rank_exact_then_longest_suffix_then_any_before_the_path():
    routes = table(
        route("any", "/a"),
        route("suffix", match("/a", host="*.test")),
        route("longer", match("/**", host="*.shop.test")),
        route("exact", match("~/.*", host="eu.shop.test")),
    )
    asked = ["eu.shop.test", "us.shop.test", "x.test", "test"]
    assert [winner(routes, head("/a", host=host)) for host in asked] == ["exact", "longer", "suffix", "any"]


def test_a_host_whose_routes_do_not_claim_the_path_gives_way_to_the_next():
    routes = table(route("exact", match("/a", host="x.test")), route("any", "/b"))
    assert winner(routes, head("/b", host="x.test")) == "any"


def test_priority_stands_above_everything():
    routes = table(
        route("exact", match("GET /a", host="x.test")),
        route("lifted", "/**", priority=1),
        route("sunk", "/b", priority=-1),
    )
    assert winner(routes, head("/a", host="x.test")) == "lifted"
    assert winner(table(route("sunk", "/b", priority=-1), route("all", "/**")), "/b") == "all"


def test_get_includes_head_unless_another_route_names_head_for_the_same_paths():
    assert winner(table(route("get", "GET /a/{x}")), "HEAD /a/1") == "get"
    routes = table(route("get", "GET /a/{x}"), route("head", "HEAD /a/{y}"))
    assert winner(routes, "HEAD /a/1") == "head"
    assert winner(routes, "GET /a/1") == "get"
    conditional = table(route("get", "GET /a"), route("head", match("HEAD /a", headers={"X-A": "1"})))
    assert winner(conditional, "HEAD /a") is None
    elsewhere = table(route("get", "GET /a"), route("head", match("HEAD /a", host="x.test")))
    assert winner(elsewhere, "HEAD /a") == "get"


def test_a_route_that_names_head_itself_does_not_take_it_from_its_own_get():
    own = route("own", match("GET /a", headers={"X-A": "1"}), match("HEAD /a", headers={"X-B": "1"}))
    assert winner(table(own), head("HEAD /a", headers={"X-A": "1"})) == "own"


def test_methods_are_case_sensitive():
    assert winner(table(route("get", "GET /a")), "get /a") is None


def test_a_route_without_methods_takes_every_method_even_options():
    assert winner(table(route("r", "/a")), "OPTIONS /a") == "r"
    assert winner(table(route("r", "GET /a")), "OPTIONS /a") is None


def test_no_route_claims_the_server_itself():
    assert winner(table(route("all", "/**"), route("re", "~.*"), route("any", "*")), "OPTIONS *") is None


def test_any_of_several_matches_claims_for_the_route():
    routes = table(route("r", "GET /a", "POST /b/{x}"))
    assert [winner(routes, one) for one in ("GET /a", "POST /b/1", "POST /a")] == ["r", "r", None]


def test_an_empty_table_claims_nothing():
    assert winner(table(), "/") is None


def test_the_same_object_is_given_for_every_request_of_a_route():
    routes = table(route("r", "/a/**"))
    assert routes.match(head("/a/1")) is routes.match(head("/a/2"))


def test_a_path_with_very_many_segments_is_matched_by_its_first_ones():
    routes = table(route("r", "/a/**"), route("t", "/a/{x}/c"))
    assert winner(routes, "/a" + "/b" * 10_000) == "r"


def test_a_pattern_with_very_many_segments_is_indexed():
    deep = "/a" * 5_000
    assert winner(table(route("r", deep + "/{x}")), deep + "/1") == "r"
