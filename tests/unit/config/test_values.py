"""Single values: what they mean, and what is said about those that mean nothing."""

from datetime import date, timedelta

import pytest

from proxy.config import addresses, http_fields, patterns, values
from proxy.config.model import Address, Endpoint, PathKind, PathPattern, PathRewrite, Stage
from proxy.config.refused import Refused, shown

any_duration = values.duration(timedelta(0))
any_size = values.size(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("1.5s", timedelta(seconds=1.5)),
        ("0.25ms", timedelta(microseconds=250)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("30d", timedelta(days=30)),
        ("0s", timedelta(0)),
        (0, timedelta(0)),
    ],
)
def test_durations(text: object, value: timedelta) -> None:
    assert any_duration(text) == value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (100, "100 has no unit", "write 100ms or 100s"),
        (1.5, "1.5 has no unit", "write 1.5ms or 1.5s"),
        ("5 s", '"5 s" is not a duration', None),
        ("1h30m", '"1h30m" is not a duration', None),
        ("-5s", '"-5s" is not a duration', None),
        ("٣s", '"٣s" is not a duration', None),
        (True, "true is not a duration", None),
        ([1], "a list is not a duration", None),
        ("999999999d", '"999999999d" is longer than 366d', None),
    ],
)
def test_durations_that_say_nothing_definite_are_refused(text: object, message: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        any_duration(text)
    assert caught.value.message == message
    assert hint is None or caught.value.hint == hint


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="is shorter than 1ms"):
        values.duration(timedelta(milliseconds=1))("0s")


@pytest.mark.parametrize(
    ("text", "value"),
    [("32KiB", 32768), ("1MiB", 2**20), ("2GiB", 2**31), ("10KB", 10_000), ("1MB", 10**6), ("7B", 7), ("7", 7), (7, 7)],
)
def test_sizes(text: object, value: int) -> None:
    assert any_size(text) == value


@pytest.mark.parametrize(
    ("text", "hint"),
    [("32k", "did you mean 32KiB?"), ("1 MB", "did you mean 1MiB?"), ("1.5MiB", None), (-1, None), (True, None)],
)
def test_sizes_that_say_nothing_definite_are_refused(text: object, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        any_size(text)
    assert hint is None or caught.value.hint == hint


def test_sizes_have_bounds() -> None:
    with pytest.raises(Refused, match="is not between 1KiB and 1MiB"):
        values.size(1024, 2**20)("2MiB")


def test_durations_and_sizes_are_written_the_shortest_way() -> None:
    assert [values.format_duration(timedelta(seconds=s)) for s in (0, 0.25, 75, 300, 86400)] == [
        "0s",
        "250ms",
        "75s",
        "5m",
        "1d",
    ]
    assert [values.format_size(n) for n in (0, 17, 32768, 100 * 2**20)] == ["0B", "17B", "32KiB", "100MiB"]


def test_dates() -> None:
    assert values.day("2026-09-01") == date(2026, 9, 1)
    with pytest.raises(Refused, match="is no day of the calendar"):
        values.day("2026-02-30")
    with pytest.raises(Refused, match="is not a date"):
        values.day("1.9.2026")


def test_text_that_yaml_made_a_number_is_refused() -> None:
    for value, kind in ((1.1, "a number"), (7, "a number"), (True, "true/false")):
        with pytest.raises(Refused, match=f"is {kind}; text is expected"):
            values.text(value)


def test_a_name_that_would_do_is_offered() -> None:
    with pytest.raises(Refused) as caught:
        values.name("Product Pages!")
    assert caught.value.hint == "product-pages would do"


def test_a_choice_names_all_and_offers_the_nearest() -> None:
    stage = values.choice(Stage, "a stage")
    assert stage("cutover") is Stage.CUTOVER
    with pytest.raises(Refused) as caught:
        stage("cutovr")
    assert caught.value.message == '"cutovr" is not a stage: legacy, shadow, canary, cutover, retired'
    assert caught.value.hint == 'did you mean "cutover"?'


def test_quoted_values_stay_on_one_line_and_short() -> None:
    assert shown("a\nb\x1b[31m") == '"a\\nb\\x1b[31m"'
    assert len(shown("x" * 5000)) < 70


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:0", Address("::1", 0)),
        ("LocalHost:80", Address("localhost", 80)),
    ],
)
def test_addresses(text: str, value: Address) -> None:
    assert addresses.address(text) == value


@pytest.mark.parametrize(
    "text", ["localhost", ":8080", "*:8080", "127.0.0.1:65536", "::1:80", "300.1.1.1:80", "[fe80::1%eth0]:80"]
)
def test_addresses_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        addresses.address(text)


def test_networks() -> None:
    assert addresses.network("10.0.0.0/8") == "10.0.0.0/8"
    assert addresses.network("127.0.0.1") == "127.0.0.1/32"
    assert addresses.network("FD00::/8") == "fd00::/8"
    with pytest.raises(Refused) as caught:
        addresses.network("10.1.2.3/8")
    assert caught.value.hint == "did you mean 10.0.0.0/8?"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("http://127.0.0.1:8000", Endpoint("http", "127.0.0.1", 8000)),
        ("http://h", Endpoint("http", "h", 80)),
        ("HTTPS://Api.Example.COM/v1/", Endpoint("https", "api.example.com", 443, "/v1")),
        ("http://[::1]:81/", Endpoint("http", "::1", 81)),
        ("http://my_host:1", Endpoint("http", "my_host", 1)),
    ],
)
def test_urls(text: str, value: Endpoint) -> None:
    assert addresses.endpoint(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1:8000", "is not a URL"),
        ("ftp://h", "begins with neither"),
        ("ws://h", "begins with neither"),
        ("http://", "does not name a host"),
        ("http://h:0", "not between 1 and 65535"),
        ("http://h:70000", "not between 1 and 65535"),
        ("http://h:x", "does not name a host"),
        ("http://a b", "does not name a host"),
        ("http://h\\x", "does not name a host"),
        ("http://h/?q=1", "has no ?"),
        ("http://h/#f", "has no ?"),
        ("http://h/a/../b", "never reaches a match"),
        ("http://h/a//b", "has an empty segment"),
        ("http://1.2.3.4.5", "does not name a host"),
    ],
)
def test_urls_that_name_no_endpoint_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        addresses.endpoint(text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    "text", ["http://user:hunter2@h", "htp://user:hunter2@h", "user:hunter2@h", "http://h/hunter2@x"]
)
def test_a_url_that_may_hold_a_password_is_not_quoted(text: str) -> None:
    with pytest.raises(Refused) as caught:
        addresses.endpoint(text)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("text", ["shop.example.com", "*.example.com", "127.0.0.1", "[::1]", "localhost"])
def test_hosts_of_a_match(text: str) -> None:
    assert addresses.host_pattern(text) == text


def test_hosts_of_a_match_are_in_lower_case() -> None:
    assert addresses.host_pattern("*.Example.COM") == "*.example.com"


@pytest.mark.parametrize(
    "text",
    ["a.example.com:80", "*", "*.", "a.*.com", "*.1.2.3.4", "münchen.de", "-a.com", "a..b", "a.com.", "a/b", "x" * 300],
)
def test_hosts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        addresses.host_pattern(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/", PathKind.EXACT),
        ("/a/b/", PathKind.EXACT),
        ("/a;v=1/b:c@d/~x", PathKind.EXACT),
        ("/%C3%A9", PathKind.EXACT),
        ("/a/{id}", PathKind.TEMPLATE),
        ("/{a}/{b}/", PathKind.TEMPLATE),
        ("/**", PathKind.PREFIX),
        ("/a/{id}/**", PathKind.PREFIX),
    ],
)
def test_path_patterns(text: str, kind: PathKind) -> None:
    assert patterns.path_pattern(text) == PathPattern(kind, text)


def test_a_path_can_be_a_regular_expression() -> None:
    assert patterns.path_pattern({"regex": "/v[12]/.*"}) == PathPattern(PathKind.REGEX, "/v[12]/.*")


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("a/b", "does not begin with /", "/a/b"),
        ("GET", "does not begin with /", "GET /**"),
        ("http://shop.example.com/a", "does not begin with /", "host:"),
        ("", "must be text", None),
        ("/a//b", "empty segment", None),
        ("//", "empty segment", None),
        ("/a/./b", "never reaches", None),
        ("/a/../b", "never reaches", None),
        ("/a/..;x/b", "never reaches", None),
        ("/a%2Fb", "never reaches", None),
        ("/a%5cb", "never reaches", None),
        ("/a%00", "never reaches", None),
        ("/a\\b", "never reaches", None),
        ("/a#b", "never reaches", None),
        ("/a?b=1", "ends before the query", "query:"),
        ("/a/*", "has a *", "/**"),
        ("/**/a", "has a *", "/**"),
        ("/a**", "has a *", "/**"),
        ("/a/{id}.json", "mixes text and braces", None),
        ("/a/{}", "mixes text and braces", None),
        ("/a/{1}", "mixes text and braces", None),
        ("/a/{id", "mixes text and braces", None),
        ("/{a}/{a}", "one name twice", None),
        ("/%41", "not in normal form", "write A"),
        ("/%c3%a9", "not in normal form", "write %C3%A9"),
        ("/é", "not in normal form", "write %C3%A9"),
        ("/a b", "not in normal form", "write a%20b"),
        ("/100%", "two hexadecimal digits", "%25"),
        ("/%zz", "two hexadecimal digits", "%25"),
        ("regex:/a", "is not a path", "regex"),
        ("/" + "a" * 2000, "at most 1024", None),
        (7, "is a number", None),
        ({"regexp": "/a"}, "{regex: …}", None),
    ],
)
def test_paths_that_could_never_match_are_refused(text: object, reason: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        patterns.path_pattern(text)
    assert reason in caught.value.reason
    assert hint is None or hint in str(caught.value.hint)


@pytest.mark.parametrize("text", ["(?=a)b", "(?!a)b", "(?<=a)b", r"(a)\1", r"(?P<x>a)(?P=x)"])
def test_expressions_without_linear_time_are_refused_as_such(text: str) -> None:
    with pytest.raises(Refused, match="cannot run in linear time"):
        patterns.regex(text)


@pytest.mark.parametrize("text", ["(", "a++", "[z-a]", "((a{100}){100}){100}", "a" * 1001])
def test_expressions_that_re2_does_not_take_are_refused(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused):
        patterns.regex(text)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("rewrite", "pattern", "message"),
    [
        (PathRewrite(prefix="/new"), "/a/**", None),
        (PathRewrite(prefix="/new"), "/a", "needs a path ending in /**"),
        (PathRewrite(prefix="/new"), None, "needs a path ending in /**"),
        (PathRewrite(prefix="/new"), "/a/{id}/**", "needs literal text"),
        (PathRewrite(path="/new/{id}"), "/a/{id}", None),
        (PathRewrite(path="/new/{id}"), "/a/{id}/**", None),
        (PathRewrite(path="/new"), None, None),
        (PathRewrite(path="/new/{x}"), "/a/{id}", "uses {x}"),
        (PathRewrite(path="/new/{x}"), None, "uses {x}"),
    ],
)
def test_a_rewrite_takes_only_what_its_pattern_has(
    rewrite: PathRewrite, pattern: str | None, message: str | None
) -> None:
    found = patterns.rewrite_problem(rewrite, patterns.path_pattern(pattern) if pattern else None)
    assert found is None if message is None else message in str(found)


@pytest.mark.parametrize("text", ["GET", "PATCH", "PROPFIND", "PURGE", "M-SEARCH", "LINK"])
def test_methods(text: str) -> None:
    assert http_fields.method(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [("get", "GET"), ("GTE", "GET"), ("POTS", "POST"), ("DELTE", "DELETE"), ("PUTT", "PUT"), ("Head", "HEAD")],
)
def test_slips_of_common_methods_are_refused(text: str, meant: str) -> None:
    with pytest.raises(Refused) as caught:
        http_fields.method(text)
    assert caught.value.hint == f'did you mean "{meant}"?'


def test_methods_that_never_reach_a_route_are_refused() -> None:
    for method in ("CONNECT", "TRACE"):
        with pytest.raises(Refused, match="reaches no route"):
            http_fields.method(method)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Content-Length", "Content_Length", "Transfer-Encoding", "connection", "TE", "Upgrade", "Keep-Alive"),
        *("Expect", "Max-Forwards", "Via", "Forwarded", "X-Forwarded-For", "X_Forwarded_For", "X.Forwarded.Proto"),
        *("X-Request-Id", "X-Strangler-Side", "x-strangler-new", "traceparent", "X-Shadow"),
    ],
)
def test_headers_that_frame_or_are_ours_cannot_be_edited(name: str) -> None:
    with pytest.raises(Refused, match="cannot be edited"):
        http_fields.edited_header(name)


@pytest.mark.parametrize("name", ["X Y", "X:", "", "é", "a\r\nb"])
def test_header_names_are_tokens(name: str) -> None:
    with pytest.raises(Refused):
        http_fields.edited_header(name)


def test_header_values() -> None:
    for value in ("", "a", "a b\tc", 'max-age=0; x="y"'):
        assert http_fields.header_value(value) == value
    for value in ("a\r\nX: y", "a\nb", " a", "a ", "\x00", "é", "x" * 5000, 1.1, None):
        with pytest.raises(Refused) as caught:
            http_fields.header_value(value)
        assert "X: y" not in caught.value.message


@pytest.mark.parametrize("text", ["/api/products", "https://example.com/a?b=c#d", "http://h"])
def test_references(text: str) -> None:
    assert http_fields.reference(text) == text


@pytest.mark.parametrize(
    "text",
    ["api", "//evil.example", "javascript:x", "/a b", "/a\r\nSet-Cookie: x", "https://", "/<x>", "https://u:p@h"],
)
def test_references_that_lead_nowhere_safe_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        http_fields.reference(text)


def test_upgrades_are_protocol_names_other_than_websocket() -> None:
    assert http_fields.upgrade("H2C") == "h2c"
    assert http_fields.upgrade("tls/1.3") == "tls/1.3"
    for text in ("WebSocket", "a b", "a/b/c"):
        with pytest.raises(Refused):
            http_fields.upgrade(text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("25%", 0.25), ("0%", 0.0), ("100%", 1.0), ("0.5%", 0.005), ("99.9%", 0.999), ("12.3456%", 0.123456)],
)
def test_a_share_is_a_number_of_hundredths(written: str, meant: float) -> None:
    assert values.share(0)(written) == meant
    assert values.format_share(meant) == written


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        (25, "write 25%"),
        (0.25, "write 25%"),
        (0, "write 0%"),
        (1.5, "write 1.5%"),
        ("25", "a number and %"),
        (True, "%"),
    ],
)
def test_a_share_without_its_sign_is_refused(written: object, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        values.share(0)(written)
    assert hint in str(caught.value.hint)


def test_a_share_stays_within_its_bounds() -> None:
    with pytest.raises(Refused, match="is not between 10% and 50%"):
        values.share(0.1, 0.5)("51%")


@pytest.mark.parametrize(("written", "meant"), [("50/s", 50.0), ("300/m", 5.0), ("36/h", 0.01), ("0.5/s", 0.5)])
def test_a_rate_is_given_in_times_a_second(written: str, meant: float) -> None:
    assert values.rate(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    "written", ["50", "50/d", "-1/s", "/s", "50 /s", "0/s", "999999999/s", 50, 0.5, True, [], None]
)
def test_a_rate_has_a_unit_and_lets_something_through(written: object) -> None:
    with pytest.raises(Refused):
        values.rate(written)


def test_a_duration_may_have_a_longest() -> None:
    assert values.duration(timedelta(0), timedelta(minutes=1))("60s") == timedelta(minutes=1)
    with pytest.raises(Refused, match="is longer than 1m"):
        values.duration(timedelta(0), timedelta(minutes=1))("61s")
