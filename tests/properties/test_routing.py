"""The index against its definition: a linear scan in rank order, on tables made to collide."""

from dataclasses import replace
from itertools import pairwise

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config.model import PathKind, PathRewrite, RouteMatch, ValuePredicate
from proxy.routing.decision import Reason, Side, decide
from proxy.routing.explain import explain
from proxy.routing.expression import Expressions
from proxy.routing.head import PlainHead
from proxy.routing.reach import covered
from proxy.routing.table import compile_table
from tests.support.routing import pattern, route, snapshot, table

SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}", ""])
METHODS = ["GET", "HEAD", "POST"]
HOSTS = ["a.test", "b.a.test", "c.b.a.test", "test", ".a.test", ""]
VALUES = st.sampled_from([None, "1", "2", "~[12]", True, False])


@st.composite
def paths(draw):
    if draw(st.integers(0, 6)) == 0:
        return pattern("~" + draw(st.sampled_from(["/a.*", "/[ab]/?", "/.*b", "/", "[^a]*", "(/a)+"])))
    segments = draw(st.lists(SEGMENTS, min_size=0, max_size=4))
    text = "".join(f"/{segment}" for segment in segments)
    tail = draw(st.sampled_from(["", "/**"]))
    return pattern(text + tail if text + tail else "/")


def conditions(name):
    def build(value):
        if isinstance(value, bool):
            return (ValuePredicate(name, present=value),)
        if value is None:
            return ()
        regex = value.startswith("~")
        return (ValuePredicate(name, regex=value[1:]) if regex else ValuePredicate(name, exact=value),)

    return VALUES.map(build)


MATCHES = st.builds(
    RouteMatch,
    path=st.none() | paths(),
    host=st.sampled_from([None, None, None, "a.test", "b.a.test", "*.test", "*.a.test"]),
    methods=st.lists(st.sampled_from(METHODS), unique=True, max_size=2).map(tuple),
    headers=conditions("X-H"),
    query=conditions("q"),
    cookies=conditions("c"),
)


@st.composite
def tables(draw):
    found = draw(st.lists(st.lists(MATCHES, min_size=1, max_size=2), max_size=12))
    return [
        route(f"r{number}", *matches, priority=draw(st.sampled_from([0, 0, 0, 0, 1, -1])))
        for number, matches in enumerate(found)
    ]


@st.composite
def heads(draw):
    segments = draw(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=6))
    headers = [("x-h", draw(st.sampled_from(["1", "2", "3"]))) for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        headers.append(("cookie", draw(st.sampled_from(["c=1", "c=2; d=1", "c=1; c=2", "d=1"]))))
    return PlainHead(
        method=draw(st.sampled_from([*METHODS, "OPTIONS"])),
        path=draw(st.sampled_from(["*", *["".join(f"/{segment}" for segment in segments)] * 15])),
        query=draw(st.sampled_from(["", "q=1", "q=2&r=1", "q=1&q=1", "q", "q=%31"])),
        host=draw(st.sampled_from(HOSTS)),
        headers=tuple(headers),
    )


@given(tables(), st.lists(heads(), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_the_index_agrees_with_a_linear_scan(routes, requests):
    compiled = table(*routes)
    for request in requests:
        assert compiled.match(request) is compiled.linear_match(request)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_the_order_is_total_and_ties_keep_the_order_of_the_file(routes):
    ranks = [claim.rank for claim in table(*routes).ranked]
    assert len(set(ranks)) == len(ranks) == sum(len(one.matches) for one in routes)
    ranked = table(*routes).ranked
    assert [(claim.route.name, claim.match) for claim in ranked] == [
        (claim.route.name, claim.match) for claim in table(*routes).ranked
    ]
    written = [(one.name, found) for one in routes for found in one.matches]
    for before, after in pairwise(ranked):
        if before.rank[:-1] == after.rank[:-1]:
            assert written.index((before.route.name, before.match)) <= written.index((after.route.name, after.match))


@given(tables(), heads(), st.data())
@settings(max_examples=80, deadline=None)
def test_the_highest_priority_among_the_routes_that_claim_a_request_wins(routes, request, data):
    claiming = sorted({claim.route.name for claim in table(*routes).ranked if claim.claims(request)})
    if not claiming:
        return
    chosen = data.draw(st.sampled_from(claiming))
    lifted = [replace(one, priority=9) if one.name == chosen else one for one in routes]
    assert table(*lifted).match(request).route.name == chosen


@given(tables(), tables(), heads())
@settings(max_examples=80, deadline=None)
def test_routes_that_do_not_claim_a_request_do_not_change_who_does(routes, more, request):
    claimed = table(*routes).match(request)
    silent = [
        replace(one, name=f"more-{one.name}")
        for one in more
        if not any(claim.claims(request) for claim in table(one).ranked)
        and not any("HEAD" in found.methods for found in one.matches)  # it takes HEAD from another route's GET
    ]
    found = table(*routes, *silent).match(request)
    assert (found.route.name if found else None) == (claimed.route.name if claimed else None)


@given(tables(), heads(), st.sampled_from([None, Side.LEGACY, Side.SERVICE]))
@settings(max_examples=80, deadline=None)
def test_every_request_has_a_decision_with_someone_to_answer_it(routes, request, override):
    decision = decide(table(*routes).match(request), "monolith", override)
    assert decision.upstream in ("monolith", "service")
    assert (decision.side is Side.LEGACY) == (decision.upstream == "monolith")
    assert decide(table(*routes).match(request), "monolith", override) == decision
    assert decision.reason is not Reason.RETIRED


@given(
    st.lists(st.sampled_from(["a", "a|b", "[ab]+", "(a|b)*c", ".*", r"\d+"]), max_size=5),
    st.text("abc1", max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_expressions_asked_together_answer_as_each_alone(texts, text):
    alone = [index for index, one in enumerate(texts) if re2.compile(one).fullmatch(text)]
    assert list(Expressions(texts).match(text)) == alone


PREFIXES = st.lists(st.sampled_from(["a", "b", "{x}"]), max_size=3).map(lambda found: "/".join(["", *found, "**"]))


@given(PREFIXES, st.sampled_from(["/", "/new", "/new/deep"]), heads())
@settings(max_examples=80, deadline=None)
def test_a_prefix_rewrite_keeps_what_the_prefix_left_over(prefix, new, request):
    compiled = table(route("r", prefix, rewrite=PathRewrite(prefix=new)))
    claimed = compiled.match(request)
    if claimed is None:
        return
    assert claimed.path.kind is PathKind.PREFIX
    rewritten = claimed.rewrite(request.path)
    left_over = request.path.split("/")[1 + len(claimed.path.segments) :]
    assert rewritten == ("/".join([new.rstrip("/"), *left_over]) or "/")
    assert table(route("n", new.rstrip("/") + "/**")).match(PlainHead("GET", rewritten)) is not None


@given(tables(), st.lists(heads(), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_a_match_called_unreachable_never_wins(routes, requests):
    compiled = table(*routes)
    blamed = [claim for claim, _ in covered(compiled.ranked)]
    assert not [request for request in requests if compiled.match(request) in blamed]


@given(tables(), heads())
@settings(max_examples=80, deadline=None)
def test_an_explanation_names_the_winner_and_each_other_route_once(routes, request):
    made = snapshot(*routes)
    found = explain(compile_table(made), made, request)
    claimed = table(*routes).match(request)
    assert found.route == (claimed.route.name if claimed else "default")
    others = {one.name for one in routes} - {found.route}
    assert sorted(rival.route for rival in found.lost) == sorted(others)
