"""Bodies: each kind masked as what it is, the rest of it kept to the byte, and withheld what cannot be read."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from proxy.wire.redaction import is_withheld
from proxy.wire.redaction.body import WITHHELD, BodyRedaction, parse_type
from proxy.wire.redaction.marks import Marks
from proxy.wire.redaction.names import SecretNames
from proxy.wire.redaction.text import TextRedaction

FORM = "application/x-www-form-urlencoded"
LIMIT = 64 * 1024


def masked(body: bytes, kind: str = "", *codings: str, cut: bool = False) -> bytes:
    names = SecretNames()
    return BodyRedaction(names, TextRedaction(names, (), Marks()), LIMIT).body(body, kind, codings, cut=cut)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('{ "a":1.0,"password" : "p", "a": 1e2 }', '{ "a":1.0,"password" : "***1", "a": 1e2 }'),
        ('{"tokens": [1, "b", {"c": null, "d": true}], "e": 2}',
         '{"tokens": ["***1", "***2", {"c": null, "d": true}], "e": 2}'),
        ('{"user": {"cardNumber": 4111, "discard": 1}}', '{"user": {"cardNumber": "***1", "discard": 1}}'),
        ('{"pass\\u0077ord": "x\\"y"}', '{"pass\\u0077ord": "***1"}'),
        ('{"s": "{\\"secret\\": \\"in\\"}"}', '{"s": "{\\"secret\\": \\"***1\\"}"}'),
        ('{"next": "/a?token=t&b=1"}', '{"next": "/a?token=***1&b=1"}'),
        ('{"note": "password: hunter2, please"}', '{"note": "password: ***1, please"}'),
        ('{"a": 1, "token": "cut of', '{"a": 1, "token": "***1"'),
        ('[NaN, {"pin": -Infinity}', '[NaN, {"pin": "***1"}'),
        ('{"a": "\\ud800", "otp": "1"}', '{"a": "\\ud800", "otp": "***1"}'),
        ('{"secret": "", "session": null}', '{"secret": "", "session": null}'),
    ],
)  # fmt: skip
def test_json_keeps_everything_but_its_secrets(sent: str, kept: str) -> None:
    assert masked(sent.encode(), "application/json") == kept.encode()
    assert masked(sent.encode(), "image/png") == kept.encode(), "a wrong label hides nothing"


def test_json_deeper_than_one_looks_is_masked_as_a_whole() -> None:
    text = '{"password": "hunter2"}'
    for _ in range(12):
        text = json.dumps({"s": text})
    assert b"hunter2" not in masked(text.encode(), "application/json")


def test_a_form_keeps_its_order_and_its_escapes() -> None:
    sent = b"a=%7e&password=a+b%26c&csrfmiddlewaretoken=x&a=2&next=%2Fa%3Fsid%3D1"
    assert masked(sent, FORM) == b"a=%7e&password=***1&csrfmiddlewaretoken=***2&a=2&next=%2Fa%3Fsid%3D***3"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('<input type="hidden" name="csrfmiddlewaretoken" value="abc">',
         '<input type="hidden" name="csrfmiddlewaretoken" value="***1">'),
        ("<input value='a>b' type=password name=x>", "<input value='***1' type=password name=x>"),
        ('<meta content="t" name="csrf-token"><p>x</p>', '<meta content="***1" name="csrf-token"><p>x</p>'),
        ('<a href="/x?page=1&amp;token=t">', '<a href="/x?page=1&amp;token=***1">'),
        ('<script>var c = {"csrfToken": "t", n: 1}</script>', '<script>var c = {"csrfToken": "***1", n: 1}</script>'),
        ('<div data-x="{&quot;apiKey&quot;: &quot;k&quot;}">', '<div data-x="{&quot;apiKey&quot;: &quot;***1&quot;}">'),
        ("<apiKey>k</apiKey>", "<apiKey>***1</apiKey>"),
        ("<password><![CDATA[p]]></password>", "<password><![CDATA[***1]]></password>"),
        ("<label>Password:</label> <p>Your session: ends soon</p>",
         "<label>Password:</label> <p>Your session: ends soon</p>"),
    ],
)  # fmt: skip
def test_a_page_keeps_everything_but_its_secrets(sent: str, kept: str) -> None:
    assert masked(sent.encode(), "text/html; charset=utf-8") == kept.encode()


def test_an_event_stream_and_lines_of_json_are_read_as_text() -> None:
    assert masked(b'data: {"token": "t"}\n\n', "text/event-stream") == b'data: {"token": "***1"}\n\n'
    assert masked(b'{"a": 1}\n{"pin": 2}\n', "application/x-ndjson") == b'{"a": 1}\n{"pin": "***1"}\n'


def test_parts_are_masked_by_their_names_and_types() -> None:
    sent = (
        b'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\np\r\nq\r\n'
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nsecret=x\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.json"\r\nContent-Type: application/json\r\n\r\n'
        b'{"pin": 1}\r\n'
        b'--B\r\nContent-Disposition: form-data; name="z"; filename="a.zip"\r\n\r\nPK\x03\x04\r\n--B--\r\n'
    )
    kept = masked(sent, 'multipart/form-data; boundary="B"')
    assert kept == (
        sent.replace(b"p\r\nq", b"***1")
        .replace(b"secret=x", b"secret=***2")
        .replace(b'"pin": 1', b'"pin": "***3"')
        .replace(b"PK\x03\x04", b"[withheld: 4 bytes, no text]")
    )


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, wbits=-15)])
def test_a_packed_body_is_kept_unpacked(pack: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if pack is gzip.compress else "deflate"
    assert masked(pack(b'{"token": "t"}'), "application/json", coding) == b'{"token": "***1"}'


@pytest.mark.parametrize(
    ("body", "kind", "codings"),
    [
        (gzip.compress(b"0" * (LIMIT + 1), mtime=0), "text/plain", ("gzip",)),
        (b"no gzip", "text/plain", ("gzip",)),
        (b"anything", "text/plain", ("br",)),
        (gzip.compress(b"x", mtime=0), "text/plain", ("gzip",) * 9),
        (b"%PDF-1.7\n\xff\xfe", "application/pdf", ()),
        ("secret".encode("utf-16"), "application/octet-stream", ()),
        ("password=x".encode("cp037"), "text/plain; charset=cp037", ()),
        (b"\n\x05alice", "application/octet-stream", ()),
        (b"plain", "application/x-protobuf", ()),
        (b"no boundary in it", "multipart/form-data; boundary=B", ()),
    ],
)
def test_a_body_that_cannot_be_read_is_withheld(body: bytes, kind: str, codings: tuple[str, ...]) -> None:
    found = masked(body, kind, *codings)
    assert found.startswith(WITHHELD + str(len(body)).encode())
    assert is_withheld(found)
    assert masked(found, kind, *codings) == found


def test_a_picture_is_kept() -> None:
    assert masked(b"\x89PNG\r\n\x1a\n\0", "image/png") == b"\x89PNG\r\n\x1a\n\0"


def test_other_alphabets_are_read_and_written_again() -> None:
    assert masked("é password=ü".encode("latin-1"), "text/plain; charset=ISO-8859-1") == "é password=***1".encode(
        "latin-1"
    )
    assert masked("é pin=1".encode("utf-16"), "text/plain; charset=utf-16").decode("utf-16") == "é pin=***1"


def test_a_cut_body_is_read_as_far_as_it_goes() -> None:
    assert masked(gzip.compress(b'{"a": 1, "b": 2}')[:-9], "application/json", "gzip", cut=True).startswith(b'{"a')
    assert masked("password=ä".encode()[:-1], "text/plain", cut=True) == b"password="
    assert is_withheld(masked("ä".encode()[:-1], "text/plain"))


def test_a_type_and_its_parameters() -> None:
    assert parse_type('Multipart/Form-Data; Boundary="a;b"; charset=utf-8') == (
        "multipart/form-data",
        {"boundary": "a;b", "charset": "utf-8"},
    )
