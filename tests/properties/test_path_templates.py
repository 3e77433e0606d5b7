"""However clients ask: what is kept of paths is bounded, and holds nothing that looks like a key."""

import base64
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from proxy.forwarding.traffic import MAX_OTHER_ROWS, MAX_ROWS, Traffic
from proxy.observability.counters import RouteStats
from proxy.wire.path_template import ANY, MAX_LENGTH, MAX_SEGMENTS, REST, template_of
from proxy.wire.product import MAX_PRODUCTS

SEGMENT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/?#"), max_size=60)
PATHS = st.lists(SEGMENT, min_size=1, max_size=12).map(lambda segments: "/" + "/".join(segments))

BYTES = st.binary(min_size=16, max_size=40)
SECRETS = st.one_of(
    st.uuids().map(str),
    st.integers(min_value=100).map(str),
    st.binary(min_size=4, max_size=32).map(bytes.hex),
    st.emails(),
    BYTES.map(lambda data: "eyJ" + base64.urlsafe_b64encode(data).decode().rstrip("=") + ".eyJ9.x1Y2z3"),
    BYTES.map(lambda data: base64.b32encode(data).decode().rstrip("=")),
    BYTES.map(lambda data: "sk_live_" + base64.b16encode(data).decode()),
)


@given(PATHS)
def test_a_template_is_short_and_a_template_of_itself(path: str) -> None:
    template = template_of(path)
    segments = template.split("/")[1:]
    assert len(segments) <= MAX_SEGMENTS + 1
    assert all(len(segment) <= MAX_LENGTH for segment in segments)
    assert template_of(template) == template
    assert set(segments) <= {*path.split("/"), ANY, REST}


@given(st.lists(st.sampled_from(["api", "orders", "reset", "v1"]), max_size=4), SECRETS)
def test_no_segment_that_looks_like_a_key_stays(before: list[str], secret: str) -> None:
    path = "/" + "/".join([*before, secret.replace("/", "_")])
    assert template_of(path).split("/")[-1] == ANY


def test_a_table_is_bounded_whatever_is_asked() -> None:
    traffic = Traffic()
    stats = [RouteStats(f"route-{number}", "legacy", "stage") for number in range(40)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    asked = 0
    for number in range(6000):
        words = "/".join(letters[number // 26**place % 26] * 2 for place in range(4))
        product = f"{letters[number % 26]}{letters[number // 26 % 26]}bot"
        raw = f"\r\nUser-Agent: {product}/1".encode()
        head = SimpleNamespace(method="GET", path=f"/{words}", fields=SimpleNamespace(raw=raw))
        plan = SimpleNamespace(stats=stats[number % 40], quiet=False, decision=SimpleNamespace(side="legacy"))
        origin = SimpleNamespace(seen=None)
        traffic.observe(SimpleNamespace(head=head, plan=plan, origin=origin, status=200))  # type: ignore[arg-type]
        asked += 1
    rows = traffic.export()
    assert len(rows) <= MAX_ROWS + MAX_OTHER_ROWS + 1
    assert len({row[4] for row in rows}) <= MAX_PRODUCTS + 2
    assert sum(sum(row[5:]) for row in rows) == asked, "nothing is lost, whatever is left out of it"
    assert traffic.other > 0
