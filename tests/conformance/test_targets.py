"""Request line and target: what is forwarded as it came, what is normalised, what could be read in two ways."""

import pytest

from tests.conformance.case import Gateway, assert_problem, ours, requires, wire

KEPT = {
    "plain": "/a/b",
    "double slashes": "//a//b//",
    "trailing slash": "/a/",
    "parameters": "/a;v=1;w/b",
    "sub-delimiters": "/:@!$&'()*+,;=",
    "escaped space": "/a%20b",
    "escaped UTF-8": "/caf%C3%A9",
    "dots inside a segment": "/a..b/...x/.well-known/b.",
    "query": "?a=1&&b=2&a=3",
    "query that looks like a path": "?next=/../x//y/./z",
    "query with escapes": "?q=%2F%2f%41%zz+%00",
    "query with question marks": "?a?b=?",
}


@requires("RFC 3986 §6.2", "RFC 9110 §7.6")
@pytest.mark.parametrize("suffix", KEPT.values(), ids=KEPT)
async def test_target_is_forwarded_as_it_came(gateway: Gateway, suffix: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", suffix))
    assert received.target == gateway.target(suffix)


@wire
@requires("RFC 3986 §6.2.3")
async def test_empty_query_is_kept(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "?"))
    assert received.target == gateway.target("?")


NORMALISED = {
    "/%41%5a%7E%2d%2E%5F": "/AZ~-._",
    "/%e2%82%ac": "/%E2%82%AC",
    "/a%2a%28b": "/a%2A%28b",
    "/%25%32%66": "/%252f",
}


@ours
@requires("RFC 3986 §6.2.2")
@pytest.mark.parametrize(("sent", "seen"), NORMALISED.items(), ids=NORMALISED)
async def test_path_is_forwarded_in_its_normal_form(gateway: Gateway, sent: str, seen: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", sent + "?%41%e2"))
    assert received.target == gateway.target(seen + "?%41%e2")


AMBIGUOUS = {
    "dot-dot segment": "/a/../b",
    "trailing dot-dot": "/a/..",
    "dot segment": "/a/./b",
    "trailing dot": "/a/.",
    "encoded dot-dot": "/a/%2e%2e/b",
    "half encoded dot-dot": "/a/.%2E/b",
    "encoded dot": "/a/%2e/b",
    "encoded slash": "/a%2Fb",
    "encoded slash, lower case": "/a%2fb",
    "encoded dot-dot and slash": "/..%2f..%2fetc",
    "backslash": "/a\\b",
    "encoded backslash": "/a%5Cb",
    "encoded backslash, lower case": "/a%5cb",
    "encoded NUL": "/a%00b",
}


@ours
@requires("Two parsers read one path differently (CWE-22, CWE-436)")
@pytest.mark.parametrize("suffix", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_ambiguous_path_is_refused(gateway: Gateway, suffix: str) -> None:
    await gateway.refuses(gateway.request("GET", suffix), 400)


@ours
@requires("RFC 3986 §2.2")
async def test_encoded_slash_passes_undecoded_where_it_is_allowed(trusting: Gateway) -> None:
    _, received = await trusting.passes(trusting.request("GET", "/a%2Fb%2fc"))
    assert received.target.replace("%2f", "%2F") == trusting.target("/a%2Fb%2Fc")


@requires("CWE-93")
@pytest.mark.parametrize("suffix", ["/a%0d%0aX-Evil:%201", "/a%0aX", "/a%0D", "?q=%0d%0aX-Evil:%201"])
async def test_encoded_line_ends_are_never_decoded(gateway: Gateway, suffix: str) -> None:
    answer = await gateway.ask(gateway.request("GET", suffix))
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert not received.values("x-evil")
        assert "%0" in received.target


MALFORMED_LINES = {
    "fragment": "GET {target}#top HTTP/1.1",
    "fragment in the query": "GET {target}?a#top HTTP/1.1",
    "NUL in the path": "GET {target}/\x00 HTTP/1.1",
    "control byte in the path": "GET {target}/\x01 HTTP/1.1",
    "delete byte in the path": "GET {target}/\x7f HTTP/1.1",
    "tab in the path": "GET {target}/\t HTTP/1.1",
    "space in the path": "GET {target}/a b HTTP/1.1",
    "two spaces before the target": "GET  {target} HTTP/1.1",
    "two spaces before the version": "GET {target}  HTTP/1.1",
    "tabs for spaces": "GET\t{target}\tHTTP/1.1",
    "space before the method": " GET {target} HTTP/1.1",
    "space after the version": "GET {target} HTTP/1.1 ",
    "no target": "GET HTTP/1.1",
    "relative target": "GET {token} HTTP/1.1",
    "userinfo for a target": "GET user@{target} HTTP/1.1",
    "backslash first": "GET \\{token} HTTP/1.1",
    "asterisk without OPTIONS": "GET * HTTP/1.1",
    "query only": "GET ?{token} HTTP/1.1",
    "method with a parenthesis": "G(T {target} HTTP/1.1",
    "method with a control byte": "GE\x01T {target} HTTP/1.1",
    "method with a colon": "GET: {target} HTTP/1.1",
    "bare CR": "GET {target}\r HTTP/1.1",
    "unknown protocol": "RTSP/1.0 {target} HTTP/1.1",
}


@wire
@requires("RFC 9112 §3", "RFC 9112 §3.2")
@pytest.mark.parametrize("line", MALFORMED_LINES.values(), ids=MALFORMED_LINES)
async def test_malformed_request_line_is_refused(gateway: Gateway, line: str) -> None:
    """nginx cuts fragments off and takes two spaces for one; HAProxy takes tabs for spaces."""
    await gateway.refuses(gateway.raw(f"{line}\r\nHost: shop.example\r\nX-Case: {{token}}\r\n\r\n"), 400, closes=True)


VERSIONS = [
    *("HTTP/0.9", "HTTP/2.0", "HTTP/3", "HTTP/9.9", "HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1", "HTTP/1.1x"),
    *("HTTP/1,1", "http/1.1", "Http/1.1", "HTTPS/1.1", "RTSP/1.0", "ICE/1.0", "HTTP 1.1", "HTTP/-1.1", "HTTP/1.1/1.0"),
]


@wire
@requires("RFC 9112 §2.3", "RFC 9110 §15.6.6")
@pytest.mark.parametrize("version", VERSIONS)
async def test_version_other_than_1_0_and_1_1_is_refused(gateway: Gateway, version: str) -> None:
    await gateway.refuses(gateway.request(version=version), 400, 505, closes=True)


@wire
@requires("RFC 9112 §2.3")
async def test_higher_minor_version_is_refused_or_taken_for_1_1(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(version="HTTP/1.2"))
    assert answer.status in (200, 400, 505), answer
    assert all(received.version == "HTTP/1.1" for received in gateway.upstream.requests)


@wire
@requires("RFC 9112 §2.3")
@pytest.mark.parametrize("line", ["GET {target}\r\n", "GET {target}\r\n\r\n", "GET {target}\n"])
async def test_http_0_9_is_refused(gateway: Gateway, line: str) -> None:
    """nginx 1.22 answers HTTP/0.9 from its upstream; we do not know the version, so we refuse."""
    client = await gateway.connect()
    await client.send(gateway.raw(line))
    client.half_close()
    assert await client.ended() != "timeout"
    assert gateway.upstream.requests == []
    assert not client.transcript or client.transcript.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 505"))


@wire
@requires("RFC 9113 §3.4", "RFC 9112 §3.2")
async def test_http_2_preface_is_refused(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
    answer = await client.read_answer()
    gateway.assert_refused(answer, 400, 505)
    assert await client.ended() != "timeout"


@wire
@requires("RFC 9112 §3.2.2", "RFC 9110 §7.2")
async def test_host_of_an_absolute_target_replaces_the_host_field(gateway: Gateway) -> None:
    """nginx and HAProxy do the same; a route chosen by one and a tenant by the other would be a hole."""
    raw = gateway.raw("GET http://other.example{target}?q HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    _, received = await gateway.passes(raw)
    assert received.values("host") == ["other.example"]
    assert received.target in (gateway.target("?q"), f"http://other.example{gateway.target('?q')}")


@ours
@wire
@requires("RFC 9112 §3.2.1", "RFC 9112 §3.2.2")
async def test_absolute_target_goes_to_the_upstream_in_origin_form(gateway: Gateway) -> None:
    raw = gateway.raw("GET http://other.example:8080{target}?q HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    _, received = await gateway.passes(raw)
    assert received.target == gateway.target("?q")
    assert received.values("host") == ["other.example:8080"]


@wire
@requires("RFC 9110 §4.2.3")
async def test_absolute_target_with_an_empty_path_means_the_root(gateway: Gateway) -> None:
    raw = gateway.raw("GET http://shop.example HTTP/1.1\r\nHost: shop.example\r\nX-Case: {token}\r\n\r\n")
    _, received = await gateway.passes(raw)
    assert received.target == "/" or received.target.startswith("http://shop.example")


MALFORMED_ABSOLUTE = {
    "userinfo": "http://user:secret@shop.example{target}",
    "no host": "http://{target}",
    "no authority": "http:{target}",
    "bad host": "http://shop<example{target}",
    "bad port": "http://shop.example:99999{target}",
    "another scheme": "ftp://shop.example{target}",
    "dot segments": "http://shop.example/../{token}",
}


@ours
@wire
@requires("RFC 9110 §4.2.4", "RFC 9112 §3.2.2")
@pytest.mark.parametrize("target", MALFORMED_ABSOLUTE.values(), ids=MALFORMED_ABSOLUTE)
async def test_malformed_absolute_target_is_refused(gateway: Gateway, target: str) -> None:
    await gateway.refuses(gateway.raw(f"GET {target} HTTP/1.1\r\nHost: shop.example\r\nX-Case: {{token}}\r\n\r\n"), 400)


@wire
@requires("RFC 9112 §3.2")
async def test_absolute_target_does_not_excuse_a_missing_host(gateway: Gateway) -> None:
    await gateway.refuses(gateway.raw("GET http://shop.example{target} HTTP/1.1\r\n\r\n"), 400)


@requires("RFC 9112 §3.2.4", "RFC 9110 §9.3.7")
async def test_options_asterisk_stays_an_asterisk(gateway: Gateway) -> None:
    raw = gateway.raw("OPTIONS * HTTP/1.1\r\nHost: shop.example\r\nX-Case: {token}\r\n\r\n")
    answer = await gateway.ask(raw)
    assert answer.complete, answer
    assert all(received.target == "*" for received in gateway.upstream.requests)
    if not gateway.upstream.requests:
        assert answer.status in (200, 204, 400, 404, 405, 501), answer


@wire
@requires("RFC 9110 §9.3.6", "RFC 9110 §15.6.2")
@pytest.mark.parametrize("target", ["shop.example:443", "127.0.0.1:22", "{target}"])
async def test_connect_is_refused(gateway: Gateway, target: str) -> None:
    raw = gateway.raw(f"CONNECT {target} HTTP/1.1\r\nHost: shop.example\r\nX-Case: {{token}}\r\n\r\n")
    await gateway.refuses(raw, 501, *([400] if target.startswith("{") else []))


@requires("RFC 9110 §9.3.8", "RFC 9110 §15.5.6", "Cross-site tracing")
async def test_trace_is_refused_and_echoes_nothing(gateway: Gateway) -> None:
    """HAProxy forwards TRACE: RFC 9110 leaves it to the upstream. Ours is refused, so that no cookie is echoed."""
    answer = await gateway.ask(gateway.request("TRACE", "", "Cookie: session=secret"))
    assert b"secret" not in answer.body
    if gateway.engine.ours:
        gateway.assert_refused(answer, 405)
        assert gateway.upstream.requests == []
        assert answer.values("allow"), "RFC 9110 §15.5.6: a 405 names the methods that are allowed"
        assert "TRACE" not in str(answer.value("allow"))


@requires("RFC 9110 §9.1", "RFC 5789", "RFC 4918")
@pytest.mark.parametrize(
    "method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "REPORT", "X-OWN", "get", "M-SEARCH"]
)
async def test_method_is_forwarded_as_it_came(gateway: Gateway, method: str) -> None:
    """Methods are case-sensitive: `get` is not GET."""
    answer = await gateway.ask(gateway.request(method))
    # Servers in front of an ASGI app know a list of methods; HTTP does not.
    may_refuse = method == "get" or (method == "X-OWN" and not gateway.engine.wire)
    assert answer.status == 200 or (may_refuse and answer.status in (400, 501)), answer
    assert [received.method for received in gateway.upstream.requests] == ([method] if answer.status == 200 else [])


@requires("RFC 9112 §3")
async def test_target_of_8000_bytes_passes(gateway: Gateway) -> None:
    suffix = "/" + "a" * (8000 - len(gateway.target("/")))
    _, received = await gateway.passes(gateway.request("GET", suffix))
    assert received.target == gateway.target(suffix)


@requires("RFC 9110 §15.5.15", "RFC 9112 §3")
@pytest.mark.parametrize("size", [40_000, 300_000])
@wire
async def test_target_that_is_too_long_is_414(gateway: Gateway, size: int) -> None:
    await gateway.refuses(gateway.request("GET", "/" + "a" * size), 414, closes=True)


@ours
@requires("RFC 9457", "RFC 9110 §15.5.1")
async def test_refused_target_leaves_the_connection_usable_or_closed(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("GET", "/a/../b") + gateway.request())
    refused = await client.read_answer()
    assert refused.status == 400
    assert_problem(refused)
    after = await client.read_answer()
    if refused.value("connection") == "close":
        assert after.status == 0
    else:
        assert after.status == 200
