"""Secrets planted wherever one may stand: none is found in what is kept. And any garbage is masked without failing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.exchange import Exchange, Fields
from proxy.wire.redaction import redact
from tests.support.exchanges import a_request, an_answer, an_exchange
from tests.support.planted_secrets import FORM, HTML, JSON, PARTS, PLANTS, packed

SECRETS = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=10, max_size=40).map(
    "7{}9".format  # or it may be drawn to be a word that stands there anyway, such as a header's name
)


def everything(exchange: Exchange) -> bytes:
    """All that could be written of an exchange."""
    messages = (exchange.request, *exchange.answers.values())
    fields = "\n".join(f"{name}: {found}" for message in messages for name, found in message.fields)
    return b"\n".join((exchange.request.target.encode(), fields.encode(), *(each.body for each in messages)))


def test_there_are_at_least_50_places() -> None:
    assert len(PLANTS) >= 50


@settings(max_examples=20)
@given(SECRETS)
def test_no_planted_secret_is_kept_anywhere(secret: str) -> None:
    for number, plant in enumerate(PLANTS):
        kept = everything(redact(plant(secret)))
        assert secret.encode() not in kept, f"plant {number}"
        assert packed(secret) not in kept, f"plant {number}"


@settings(max_examples=20)
@given(SECRETS)
def test_all_of_them_in_one_recording_share_one_mark_or_few(secret: str) -> None:
    """A secret that stands alone has the number 1 wherever it stands, so that a replay can link it."""
    for plant in (PLANTS[0], PLANTS[4], PLANTS[12], PLANTS[25], PLANTS[32], PLANTS[35], PLANTS[48]):
        assert b"***1" in everything(redact(plant(secret)))
        assert b"***2" not in everything(redact(plant(secret)))


KINDS = st.sampled_from([JSON, FORM, HTML, PARTS, (), (("Content-Type", "text/plain; charset=utf-16"),)])
NAMES = st.sampled_from(
    ["Cookie", "Set-Cookie", "Authorization", "Location", "X-Token", "X", "Content-Encoding", "ETag"]
)
BODIES = st.one_of(
    st.binary(max_size=200), st.text("{}[]\":,\\=&<>-x'? \r\ntoken=password:", max_size=120).map(str.encode)
)


@given(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.lists(st.tuples(NAMES, st.text(st.characters(max_codepoint=255), max_size=60)), max_size=3),
    BODIES,
    KINDS,
    st.booleans(),
)
def test_anything_at_all_is_masked_without_failing_and_for_good(
    target: str, fields: list[tuple[str, str]], body: bytes, kind: Fields, cut: bool
) -> None:
    exchange = an_exchange(
        a_request(f"/{target}", fields=(*kind, *fields), body=body),
        an_answer(body, fields=(*kind, *fields), cut=cut),
    )
    once = redact(exchange)
    assert redact(once) == once
