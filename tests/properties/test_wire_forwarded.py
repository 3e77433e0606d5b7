"""Whom we believe about a client's address, on chains made by clients that lie."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.fields import DROP, PASS, LineTable
from proxy.wire.forwarded import Networks, resolve_client
from proxy.wire.request import classify

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8"])
NEAR = st.sampled_from(["10.0.0.1", "10.9.9.9", "fd00::7", "::ffff:10.0.0.2"])
FAR = st.sampled_from(["192.0.2.1", "198.51.100.9", "2001:db8::1", "::ffff:192.0.2.9"])
NOISE = st.sampled_from(
    ["", " ", "unknown", "_hidden", "10.0.0", "10.0.0.1.", "x,y", "999.1.1.1", '"', "[", "[]:80", "%", "::g"]
)
WRITTEN = st.sampled_from(["{}", " {} ", "[{}]:80", '"{}"'])
ENTRIES = st.builds(lambda form, address: form.format(address), WRITTEN, NEAR | FAR) | NOISE
CHAINS = st.lists(ENTRIES, max_size=6).map(",".join)


@given(FAR, CHAINS)
def test_a_stranger_is_believed_nothing(peer, chain):
    assert resolve_client(peer, chain, TRUSTED) == peer


@given(NEAR, CHAINS, FAR, CHAINS)
def test_nothing_left_of_the_first_stranger_is_looked_at(peer, forged, stranger, rest):
    """However a client begins the chain, what our own proxies wrote behind it decides alone."""
    tail = ",".join(part for part in (stranger, rest) if part)
    assert resolve_client(peer, f"{forged},{tail}", TRUSTED) == resolve_client(peer, tail, TRUSTED)


@given(NEAR, CHAINS)
def test_the_client_is_the_peer_or_an_address_of_the_chain(peer, chain):
    client = resolve_client(peer, chain, TRUSTED)
    assert client == peer or str(ip_address(client)) == client


@given(NEAR, CHAINS)
def test_every_hop_behind_the_client_is_trusted(peer, chain):
    """The client's entry, and everything right of it, was vouched for by a proxy of ours."""
    client = resolve_client(peer, chain, TRUSTED)
    hops = []
    for part in reversed(chain.split(",")):
        hop = resolve_client("10.0.0.1", part, TRUSTED)
        hops.append(hop)
        if hop not in TRUSTED or hop == client:
            break
    assert all(hop in TRUSTED for hop in hops[:-1])


@given(NEAR, st.lists(NEAR, max_size=4), FAR, st.text(st.characters(max_codepoint=255), max_size=20))
def test_proxies_of_ours_are_looked_past_and_what_a_client_forged_is_not(peer, proxies, client, forged):
    chain = ",".join([forged.replace(",", ""), client, *proxies])
    expected = ip_address(client)
    assert resolve_client(peer, chain, TRUSTED) == str(getattr(expected, "ipv4_mapped", None) or expected)


OURS = [
    b"host", b"connection", b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"te", b"trailer",
    b"keep-alive",
    b"proxy-connection", b"proxy-authorization", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port", b"x-real-ip", b"x-request-id", b"x-strangler-side", b"x-strangler-decision", b"x-shadow",
    b"via",
    b"max-forwards", b"traceparent", b"tracestate",
]  # fmt: skip


@given(st.sampled_from(OURS), st.randoms(use_true_random=False))
def test_no_name_that_folds_onto_one_of_ours_is_passed_on(name, chance):
    """CGI and WSGI make HTTP_X_FORWARDED_FOR of x-forwarded-for, X_Forwarded_For and x.forwarded.for alike."""
    folded = bytes(chance.choice(b"-_.") if byte == ord("-") else byte for byte in name)
    spelled = bytes(chance.choice((byte, bytes([byte]).upper()[0])) for byte in folded)
    verdict = LineTable(classify).learn(spelled + b": 1") if name != b"host" else None
    if folded != name:
        assert verdict is DROP
    elif name != b"via":
        assert verdict is not PASS


@given(st.text("abcxhost-_.", min_size=1, max_size=16).map(str.encode))
def test_every_other_name_passes(name):
    folded = name.replace(b"_", b"-").replace(b".", b"-")
    if folded not in OURS and not folded.startswith((b"x-strangler-", b"x-forwarded-")):
        assert LineTable(classify).learn(name + b": 1") is PASS
