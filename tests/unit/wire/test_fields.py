"""Field lines and the table that remembers them (RFC 9110 sections 5.1, 5.5, 5.6.1 and 8.6; RFC 9112 section 5)."""

import pytest

from proxy.wire.fields import DROP, PASS, BadLine, Field, LineTable, parse_length, split_line, tokens
from proxy.wire.refusal import Refusal
from proxy.wire.request import classify as classify_request
from proxy.wire.response import classify as classify_answer

TCHARS = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"A: b", b"a", b"b"),
        (b"A:b", b"a", b"b"),
        (b"A: \t b \t", b"a", b"b"),
        (b"A:", b"a", b""),
        (b"A: ", b"a", b""),
        (b"A: b: c", b"a", b"b: c"),
        (b"A: b\tc", b"a", b"b\tc"),
        (b"X_y.Z: 1", b"x_y.z", b"1"),
        (b"A: \xe9\xff", b"a", b"\xe9\xff"),
        (TCHARS + b": 1", TCHARS.lower(), b"1"),
    ],
)
def test_a_field_line_is_a_lower_case_name_and_a_trimmed_value(line, name, value):
    assert split_line(line) == (name, value)


NOT_LINES = [
    b"", b"a", b": b", b":", b" A: b", b"\tA: b", b"A : b", b"A\t: b", b"A B: c", b"(a): b", b"A@b: c", b"\xe9: a",
    b"A: \x00", b"A: a\rb", b"A: a\nb", b"A: a\x0b", b"A: \x1f", b"A: \x7f", b"A\r: b", b"A\n: b", b"\nA: b", b"A: b\r",
]  # fmt: skip


@pytest.mark.parametrize("line", NOT_LINES)
def test_what_is_no_field_line_is_refused(line):
    with pytest.raises(BadLine):
        split_line(line)


@pytest.mark.parametrize("line", NOT_LINES)
@pytest.mark.parametrize("classify", [classify_request, classify_answer])
def test_the_table_refuses_what_is_no_field_line_and_remembers_none_of_it(line, classify):
    table = LineTable(classify)
    for _ in range(2):
        with pytest.raises(BadLine):
            table.learn(line)
    assert len(table) == 0
    assert table.unusual([line]) == [line]


@pytest.mark.parametrize("code", [code for code in range(256) if code not in TCHARS and code != ord(":")])
def test_a_name_holds_token_characters_only(code):
    with pytest.raises(BadLine):
        split_line(b"A" + bytes([code]) + b"b: 1")


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
def test_a_value_holds_no_control_bytes_but_tabs(code):
    table = LineTable(classify_request)
    table.learn(b"X-Known: 1")
    for refuse in (split_line, table.learn):
        with pytest.raises(BadLine):
            refuse(b"X-Known: a" + bytes([code]) + b"b")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b" folded", "folding"),
        (b"\tfolded: x", "folding"),
        (b"no colon", "colon"),
        (b"A : b", "white space"),
        (b"A\t: b", "white space"),
        (b"A: b\nC: d", "bare CR or LF"),
        (b"A: b\rC: d", "bare CR or LF"),
        (b"A\x00: b", "does not allow"),
    ],
)
def test_a_refused_line_says_why(line, says):
    with pytest.raises(BadLine, match=says):
        split_line(line)


def read(line, classify=classify_request):
    return LineTable(classify).learn(line)


@pytest.mark.parametrize(
    "line", [b"Accept: */*", b"X-Any: 1", b"Via: 1.1 other", b"Content-Type: text/plain", b"DNT:1"]
)
def test_a_line_of_no_interest_passes(line):
    assert read(line) is PASS


@pytest.mark.parametrize(
    "name",
    [
        b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"te", b"trailer",
        b"http2-settings", b"x-shadow", b"x_shadow", b"x-strangler-decision", b"x-strangler_side", b"x_strangler-any",
        b"x-forwarded-by", b"x_forwarded_for", b"x-forwarded.proto", b"x.real.ip", b"content_length",
        b"content.length",
        b"transfer_encoding", b"transfer.encoding", b"x_request_id", b"max_forwards", b"proxy_connection",
        b"http2.settings", b"proxy.authorization",
    ],
)  # fmt: skip
def test_what_is_for_one_hop_or_poses_as_ours_is_dropped(name):
    assert read(name + b": 1") is DROP
    assert read(name.title() + b": 1") is DROP


@pytest.mark.parametrize("name", [b"x_any", b"x.any", b"te_", b"x-forwarded", b"x-strangler", b"my_host", b"accept_x"])
def test_underscores_and_dots_are_no_reason_to_drop_other_names(name):
    assert read(name + b": 1") is PASS


def test_a_field_that_is_ours_to_read_comes_with_its_value():
    assert read(b"HOST:  Shop.Example:81 ") == Field("host", b"Shop.Example:81", "shop.example")
    assert read(b"Connection: a ,, B") == Field("connection", b"a ,, B", (b"a", b"b"))
    assert read(b"Content-Length: 007") == Field("content-length", b"007", 7)


@pytest.mark.parametrize(
    "line",
    [b"A: 1", b"Content-Length: 5", b"Host: a", b"Connection: close", b"TE: trailers", b"X-Strangler-Any: 1"],
)
def test_a_line_that_was_learned_is_known_by_its_bytes(line):
    table = LineTable(classify_request)
    learned = table.learn(line)
    assert len(table) == 1
    assert (table.unusual([line]) == []) is (learned is PASS)
    assert table.verdicts.get(line, PASS) == learned
    assert table.unusual([line + b" "]) == [line + b" "]


SECRETS = [b"Cookie", b"cookie", b"AUTHORIZATION", b"Proxy-Authorization", b"Set-Cookie", b"X-Api-Key", b"X-AUTH-Token"]
UNIQUE = [b"traceparent", b"Tracestate", b"X-Request-Id", b"Sec-WebSocket-Key"]


@pytest.mark.parametrize("name", SECRETS + UNIQUE)
@pytest.mark.parametrize("classify", [classify_request, classify_answer])
def test_secrets_and_lines_that_never_come_twice_are_not_remembered(name, classify):
    table = LineTable(classify)
    line = name + b": 0123456789abcdef"
    for _ in range(3):
        table.learn(line)
    assert len(table) == 0
    assert line not in table.verdicts
    assert table.unusual([line]) == [line]


def test_lines_over_256_bytes_are_not_remembered():
    table = LineTable(classify_request)
    longest = b"X-Long: ".ljust(LineTable.LONGEST, b"x")
    table.learn(longest)
    table.learn(longest + b"x")
    assert LineTable.LONGEST == 256
    assert len(table) == 1
    assert table.unusual([longest, longest + b"x"]) == [longest + b"x"]


def test_the_table_is_bounded_and_counts_how_often_it_started_again():
    table = LineTable(classify_request)
    for number in range(LineTable.BOUND):
        table.learn(b"X-Number: %d" % number)
    assert (len(table), table.resets) == (LineTable.BOUND, 0)
    table.learn(b"Content-Length: 1")
    assert (len(table), table.resets) == (1, 1)
    assert table.unusual([b"X-Number: 0"]) == [b"X-Number: 0"]
    for number in range(3 * LineTable.BOUND):
        table.learn(b"X-Another: %d" % number)
        assert len(table) <= LineTable.BOUND
    assert table.resets == 4


def test_a_table_full_of_names_still_reads_new_ones():
    table = LineTable(classify_request)
    for number in range(LineTable.BOUND + 10):
        table.learn(b"X-%d: 1" % number)
    assert table.learn(b"TE: trailers") is DROP
    assert table.learn(b"Content-Length: 3") == Field("content-length", b"3", 3)
    assert table.learn(b"Cookie: a=b") is PASS
    assert table.unusual([b"Cookie: a=b"]) == [b"Cookie: a=b"]


def test_a_verdict_that_refuses_is_reached_again_each_time():
    table = LineTable(classify_request)
    for _ in range(2):
        with pytest.raises(Refusal):
            table.learn(b"Content-Length: x")
    assert len(table) == 0


@pytest.mark.parametrize("line", [b"Content-Length", b"Host", b"Content-Length5", b"X-Known"])
def test_a_known_name_without_a_colon_is_no_field_line(line):
    table = LineTable(classify_request)
    for known in (b"Content-Length: 5", b"Host: a", b"X-Known: 1"):
        table.learn(known)
    with pytest.raises(BadLine):
        table.learn(line)


def test_unusual_lines_keep_their_order_and_their_repetitions():
    table = LineTable(classify_request)
    table.learn(b"A: 1")
    assert table.unusual([b"B: 1", b"A: 1", b"C: 1", b"B: 1"]) == [b"B: 1", b"C: 1", b"B: 1"]


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", ()),
        (b"close", (b"close",)),
        (b" Keep-Alive ,\tUPGRADE", (b"keep-alive", b"upgrade")),
        (b",, a ,,b,", (b"a", b"b")),
        (b"a b", (b"a b",)),
    ],
)
def test_a_list_is_its_members_in_lower_case(value, members):
    assert tokens(value) == members


@pytest.mark.parametrize(("value", "length"), [(b"0", 0), (b"5", 5), (b"0005", 5), (b"9" * 18, 10**18 - 1)])
def test_a_length_is_plain_digits(value, length):
    assert parse_length(value) == length


@pytest.mark.parametrize(
    "value", [b"", b"+5", b"-1", b"5,5", b"5 5", b"0x5", b"1_0", b"5.0", b"\xb2", b"1" * 19, b" 5"]
)
def test_what_is_not_plain_digits_of_a_sane_number_is_no_length(value):
    assert parse_length(value) is None
