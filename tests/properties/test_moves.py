"""Random files, random words: a move changes where its route stands, and nothing else that anybody wrote."""

import difflib
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.model import Route, Snapshot, Stage
from proxy.rollout.file_edit import Change, edit_routes
from proxy.rollout.moves import Way, Wish, way
from proxy.rollout.overrides import Override, apply, bases, sort_out
from proxy.rollout.ports import MoveRefused, Position, Verb, position
from tests.support.routes_yaml import BASE, load

STAGES = ("legacy", "shadow", "canary", "cutover", "retired")
VERBS = [verb for verb in Verb if verb is not Verb.HANDOVER]
COMMENTS = ("", "   # why: {it} is", " # stage: cutover")
CANARIES = ("{}", "{ weight: 5% }", "{paused: true,weight: '5%'}", "{ steps: [1%, 5%, 50%], hold: 1m }")


@st.composite
def canaries(draw: st.DrawFn, indent: str) -> list[str]:
    """The key in brackets, on lines of its own, or not at all."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return []
    if kind == 1:
        return [f"{indent}canary: {draw(st.sampled_from(CANARIES))}{draw(st.sampled_from(COMMENTS))}"]
    weight = [f"{indent}  weight: {draw(st.sampled_from(['2%', chr(34) + '2%' + chr(34), '12.5%']))}"]
    lines = [f"{indent}canary:{draw(st.sampled_from(COMMENTS))}", *(weight if kind == 2 else [])]
    return [*lines, f"{indent}  steps: [2%, 20%]{draw(st.sampled_from(COMMENTS))}"]


@st.composite
def routes(draw: st.DrawFn, name: str) -> list[str]:
    """The lines of one route, on one line or on many, its keys in any order."""
    stage = draw(st.sampled_from(STAGES))
    quote = draw(st.sampled_from(["", "'", '"']))
    if draw(st.booleans()):
        canary = draw(st.sampled_from(["", *(f", canary: {each}" for each in CANARIES)]))
        comment = draw(st.sampled_from(COMMENTS))
        return [f"  - {{name: {name}, match: GET /{name}, to: orders, stage: {quote}{stage}{quote}{canary} }}{comment}"]
    keys = [[f"    match: GET /{name}"], [f"    to: orders{draw(st.sampled_from(COMMENTS))}"]]
    said = stage != "legacy" or draw(st.booleans())
    keys += [[f"    stage: {quote}{stage}{quote}{draw(st.sampled_from(COMMENTS))}"]] if said else []
    keys += [lines] if (lines := draw(canaries("    "))) else []
    keys += [["    # stage: shadow"]] if draw(st.booleans()) else []
    ordered = [line for lines in draw(st.permutations(keys)) for line in lines]
    return [
        f"  - name: {name}{draw(st.sampled_from(COMMENTS))}",
        *ordered,
        *draw(st.sampled_from([[], [""], ["  # next"]])),
    ]


@st.composite
def files(draw: st.DrawFn) -> str:
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = ["routes:", *(line for name in ("a", "b", "c") for line in draw(routes(name)))]
    return (
        draw(st.sampled_from(["", "\ufeff"]))
        + (BASE + "\n".join(lines)).replace("\n", end)
        + draw(st.sampled_from(["", end]))
    )


WISHES = st.builds(
    Wish,
    st.sampled_from(VERBS),
    st.sampled_from([None, *Stage]),
    st.sampled_from([None, 0.0, 0.05, 0.1234, 1.0]),
)


def told(snapshot: Snapshot, names: list[str], wish: Wish) -> list[Way]:
    """What the wish means for those routes of which it can be said."""
    ways = []
    for route in snapshot.routes:
        if route.name in names:
            try:
                ways.append(way(route, wish, snapshot))
            except MoveRefused:
                continue
    return ways


def anywhere(route: Route) -> Route:
    """Without the lines it stands on."""
    return replace(route, place=None, matches=tuple(replace(each, place=None) for each in route.matches))


def at_rest(route: Route) -> Route:
    """Without what a move changes, and what comes with a stage."""
    return replace(anywhere(route), stage=Stage.LEGACY, shadow=None, moving=replace(route.moving, canary=None))


def comments(text: str) -> list[str]:
    return re.findall(r" # [^\r\n]*", text)


@given(files(), st.lists(st.sampled_from("abc"), min_size=1, unique=True), WISHES)
def test_a_move_changes_where_its_routes_stand_and_nothing_else(before: str, names: list[str], wish: Wish) -> None:
    snapshot = load(before)
    ways = told(snapshot, names, wish)
    changes = [Change(each.route.name, each.before, each.after) for each in ways]
    after = edit_routes(before, changes)
    found = load(after)
    wanted = {each.route.name: each.after for each in ways}
    for old, new in zip(snapshot.routes, found.routes, strict=True):
        assert position(new) == wanted.get(old.name, position(old))
        assert at_rest(new) == at_rest(old)
        if old.name not in wanted:
            assert anywhere(new) == anywhere(old)
    assert comments(after) == comments(before)
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    lines = [line[0] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert lines.count("-") <= lines.count("+") <= 2 * len(ways) + sum(each.before != each.after for each in ways)
    assert edit_routes(after, [Change(name, place, place) for name, place in wanted.items()]) == after


@given(files(), WISHES)
def test_a_move_beside_the_file_is_as_one_in_the_file(before: str, wish: Wish) -> None:
    snapshot = load(before)
    ways = [each for each in told(snapshot, ["b"], wish) if each.changes]
    overrides = [Override("b", each.after, bases(before)["b"], "2026-11-30T12:00:00Z", "ann", "") for each in ways]
    beside = apply(snapshot, overrides)
    written = load(edit_routes(before, [Change("b", each.before, each.after) for each in ways]))
    assert [position(route) for route in beside.routes] == [position(route) for route in written.routes]
    assert [at_rest(route) for route in beside.routes] == [at_rest(route) for route in snapshot.routes]
    assert sort_out(overrides, before, snapshot) == (overrides, [])
    if ways:
        after = edit_routes(before, [Change("b", ways[0].before, Position(Stage.RETIRED))])
        assert sort_out(overrides, after, load(after))[0] == ([] if after != before else overrides)
