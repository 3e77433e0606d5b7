"""Whatever a client sends, in a part's target it stays in the place it fills."""

from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.composition import compile_target
from proxy.routing.pattern import parse_path
from tests.support.routing import pattern

FILL = compile_target("/api/{id}/end?id={id}&q={query.q}&last=1", parse_path(pattern("/orders/{id}/summary")))

segments = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="/?#\x7f"), min_size=1)
queries = st.one_of(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="#\x7f")),
    st.lists(st.sampled_from(["q=", "q", "r=1", "a", "&", "%26", "%3D", "+", "%zz", ";"])).map("".join),
)


@given(segment=segments, query=queries)
def test_nothing_sent_leaves_its_place(segment: str, query: str) -> None:
    target = FILL(f"/orders/{segment}/summary", query)
    path, _, rest = target.partition("?")
    assert path == f"/api/{segment}/end"
    sent = parse_qs(query, keep_blank_values=True, encoding="latin-1").get("q", [])
    assert parse_qsl(rest, keep_blank_values=True, encoding="latin-1") == [
        ("id", unquote(segment, encoding="latin-1")),
        *(("q", value) for value in sent[:1]),
        ("last", "1"),
    ]
    assert not urlsplit(target).fragment
