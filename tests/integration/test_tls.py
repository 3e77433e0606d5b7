"""TLS on both sides of a running server: bodies, tunnels and ends behave as they do on plain connections."""

import asyncio
import contextlib
import hashlib
import http.client
import signal
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.processes import HELD_S, PATIENCE_S
from tests.support.server import Server, serving
from tests.support.websocket import BINARY, accept_key, encode, new_key

MIB = 1 << 20
LONG = bytes(range(256)) * (8 * MIB // 256)
DIGEST = hashlib.sha256(LONG).hexdigest().encode()


class Authority:
    """A certificate authority of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._sign(self._name, self._key.public_key(), constraints)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Path:
        """A PEM file with a certificate for a host name or an address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        general = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        certificate = self._sign(subject, key.public_key(), x509.SubjectAlternativeName([general]))
        file = self.folder / f"{name}.pem"
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        file.write_bytes(
            certificate.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        )
        return file

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


class Upstream(socketserver.ThreadingTCPServer):
    """An upstream that answers by the last segment of the path; with a certificate, over TLS."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, certificate: Path | None = None) -> None:
        self.context: ssl.SSLContext | None = None
        self.connections = 0
        self.asked, self.release = threading.Event(), threading.Event()
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        super().__init__(("127.0.0.1", 0), _Serving)

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.server_address[1]}"


class _Serving(socketserver.BaseRequestHandler):
    server: Upstream

    def handle(self) -> None:
        sock: socket.socket = self.request
        sock.settimeout(HELD_S)
        # A proxy that refuses our certificate, and one that has had enough, are no failures of this server.
        with contextlib.suppress(OSError):
            if self.server.context is not None:
                sock = self.server.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
            with sock:
                self.server.connections += 1
                reader = sock.makefile("rb")
                while (head := _read_head(reader.readline)) and head[0].endswith(b"HTTP/1.1"):
                    if not self._answer(sock, head, reader.read, reader.read1):
                        break

    def _answer(
        self, sock: socket.socket, head: list[bytes], read: Callable[[int], bytes], read_some: Callable[[int], bytes]
    ) -> bool:
        """Answer one request; whether the connection goes on."""
        match head[0].split(b" ")[1].rpartition(b"/")[2]:
            case b"upload":
                digest = hashlib.sha256(read(int(_value(head, b"content-length")))).hexdigest().encode()
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(digest), digest))
            case b"download":
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG)
            case b"slow":
                self.server.asked.set()
                self.server.release.wait(HELD_S)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
            case b"said-goodbye" | b"just-left" as end:
                sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
                if end == b"said-goodbye" and isinstance(sock, ssl.SSLSocket):
                    sock.unwrap()
                return False
            case b"delimited-and-left":
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
                return False
            case b"echo":
                accept = accept_key(_value(head, b"sec-websocket-key").decode()).encode()
                fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
                sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n\r\n")
                while data := read_some(1 << 16):
                    sock.sendall(data)
                return False
            case _:
                host = _value(head, b"x-forwarded-proto")
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(host), host))
        return True


def _read_head(readline: Callable[[], bytes]) -> list[bytes]:
    """Request line and field lines, or nothing when the connection ended."""
    lines = []
    while line := readline().rstrip(b"\r\n"):
        lines.append(line)
    return lines


def _value(head: list[bytes], name: bytes) -> bytes:
    values = [line.partition(b":")[2].strip() for line in head[1:] if line.lower().startswith(name + b":")]
    return values[0] if values else b""


@dataclass(frozen=True, slots=True)
class Site:
    """A server with TLS in front of upstreams with and without."""

    server: Server
    plain: Upstream
    verified: Upstream
    client: ssl.SSLContext

    def connect(self) -> ssl.SSLSocket:
        """A TLS connection; an end of it without close_notify is an error, as it should be."""
        sock = socket.create_connection(("127.0.0.1", self.server.public), timeout=PATIENCE_S)
        return self.client.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def open(self) -> http.client.HTTPSConnection:
        port = self.server.public
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=self.client)

    def ask(self, path: str, *, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of one request on a connection of its own; its body must not be cut short."""
        with contextlib.closing(self.open()) as connection:
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()


UPSTREAMS = """\
version: 1
listen:
  public: 127.0.0.1:0
  console: 127.0.0.1:0
  drain_timeout: 60s
  tls: {{ certificate: 127.0.0.1.pem, key: 127.0.0.1.pem }}
  limits: {{ body: 32MiB }}
upstreams:
  plain: {{ url: "{plain}" }}
  verified: {{ url: "{verified}", tls: {{ ca: ca.pem }} }}
  stranger: {{ url: "{stranger}", tls: {{ ca: ca.pem }} }}
  unknown-authority: {{ url: "{verified}" }}
  unchecked: {{ url: "{stranger}", tls: {{ verify: false }} }}
  named: {{ url: "{stranger}", tls: {{ ca: ca.pem, server_name: shop.test }} }}
  no-tls-there: {{ url: "{plain_as_https}", tls: {{ ca: ca.pem }}, timeout: {{ connect: 250ms }} }}
defaults: {{ legacy: plain }}
routes:
"""
ROUTED = ("verified", "stranger", "unknown-authority", "unchecked", "named", "no-tls-there")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Site]:
    authority = Authority(folder)
    ours, theirs = authority.issue("127.0.0.1"), authority.issue("shop.test")
    with contextlib.ExitStack() as stack:
        plain, verified, stranger = (
            stack.enter_context(_serving(Upstream(certificate))) for certificate in (None, ours, theirs)
        )
        text = UPSTREAMS.format(
            plain=plain.url,
            verified=verified.url,
            stranger=stranger.url,
            plain_as_https=plain.url.replace("http:", "https:"),
        )
        text += "".join(f"  - {{ name: {n}, match: /{n}/**, to: {n}, stage: cutover }}\n" for n in ROUTED)
        server = stack.enter_context(serving(folder, text, "--workers", "1"))
        yield Site(server, plain, verified, ssl.create_default_context(cafile=authority.file))


@contextlib.contextmanager
def _serving(upstream: Upstream) -> Iterator[Upstream]:
    thread = threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.release.set()
        upstream.shutdown()
        thread.join()
        upstream.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("tls")) as site:
        yield site


def test_an_upstream_is_told_that_the_client_speaks_tls(site: Site) -> None:
    assert site.ask("/small") == (200, b"https")


def test_requests_follow_one_another_on_one_connection(site: Site) -> None:
    with contextlib.closing(site.open()) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(20):
            connection.request("GET", "/small")
            assert connection.getresponse().read() == b"https"
        assert connection.sock is first


@pytest.mark.parametrize("side", ["plain", "verified"])
def test_a_long_body_arrives_whole_both_ways(site: Site, side: str) -> None:
    assert site.ask(f"/{side}/upload", body=LONG) == (200, DIGEST)
    status, content = site.ask(f"/{side}/download")
    assert (status, hashlib.sha256(content).hexdigest().encode()) == (200, DIGEST)


@pytest.mark.parametrize("side", ["plain", "verified"])
def test_a_reader_that_pauses_gets_all_in_the_end(site: Site, side: str) -> None:
    with site.connect() as client:
        client.sendall(f"GET /{side}/download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        received = client.recv(100)
        site.server.wait_until(lambda: site.server.metric("strangler_requests_in_flight") > 0)  # the buffers are full
        while piece := client.recv(1 << 16):
            received += piece
    assert hashlib.sha256(received.partition(b"\r\n\r\n")[2]).hexdigest().encode() == DIGEST


def test_a_body_that_is_too_large_gets_its_answer_while_it_is_still_sent(site: Site) -> None:
    with site.connect() as client:
        client.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        with contextlib.suppress(OSError):  # a server need not read what it has refused
            client.sendall(LONG)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("side", ["plain", "verified"])
def test_a_websocket_passes_frames_both_ways(site: Site, side: str) -> None:
    asyncio.run(_speak_websocket(site, side))


async def _speak_websocket(site: Site, side: str) -> None:
    key = new_key()
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
    early = encode(BINARY, b"sent before the answer", mask=True)
    long = encode(BINARY, LONG[: 4 * MIB], mask=True)
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.public, ssl=site.client)
        writer.write(f"GET /{side}/echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n".encode() + early)
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        assert head[0].startswith(b"HTTP/1.1 101 ")
        assert _value(head, b"sec-websocket-accept") == accept_key(key).encode()
        assert await reader.readexactly(len(early)) == early
        writer.write(long)
        assert await reader.readexactly(len(long)) == long
        writer.close()
        await writer.wait_closed()


def test_plain_http_on_the_port_ends_the_connection_and_disturbs_nobody(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.server.public), timeout=PATIENCE_S) as client:
        client.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(1 << 16):
                received += piece
    assert b"HTTP/1.1 2" not in received
    assert site.ask("/small") == (200, b"https")


def test_a_client_that_leaves_in_order_leaves_nothing_behind(site: Site) -> None:
    with site.connect() as client:
        client.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        client.unwrap()
    site.server.wait_until(lambda: site.server.metric("strangler_connections") == 0)


def test_an_upstream_whose_certificate_fits_keeps_its_connection(site: Site) -> None:
    assert site.ask("/verified/small") == (200, b"https")
    before = site.verified.connections
    assert [site.ask("/verified/small") for _ in range(5)] == [(200, b"https")] * 5
    assert site.verified.connections == before


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        ("stranger", "IP address mismatch"),
        ("unknown-authority", "unable to get local issuer certificate"),
    ],
)
def test_an_upstream_that_is_not_who_it_should_be_is_a_502_that_the_log_explains(
    site: Site, side: str, reason: str
) -> None:
    site.server.forget_log()
    status, content = site.ask(f"/{side}/small")
    assert (status, b'"urn:strangler:connect_error"' in content) == (502, True)
    site.server.wait_until(lambda: f"upstream {side} at " in site.server.process.output)
    told = [line for line in site.server.process.output.splitlines() if f"upstream {side} at " in line]
    assert reason in told[-1]


def test_handshakes_that_fail_leave_no_connection_in_the_counts(site: Site) -> None:
    before = _upstream_connections(site)
    for _ in range(5):
        assert site.ask("/stranger/small")[0] == 502
    status, content = site.ask("/no-tls-there/small")  # never answers the handshake
    assert (status, b'"urn:strangler:connect_timeout"' in content) == (504, True)
    site.server.wait_until(lambda: _upstream_connections(site) <= before)
    assert _upstream_connections(site) >= 0


def _upstream_connections(site: Site) -> float:
    return site.server.metric("strangler_upstream_connections")


@pytest.mark.parametrize("side", ["unchecked", "named"])
def test_a_certificate_may_go_unchecked_or_be_checked_for_another_name(site: Site, side: str) -> None:
    assert site.ask(f"/{side}/small") == (200, b"https")


@pytest.mark.parametrize("end", ["said-goodbye", "delimited-and-left"])
def test_an_answer_is_whole_with_a_goodbye_or_a_length(site: Site, end: str) -> None:
    status, content = site.ask(f"/verified/{end}")
    assert (status, content) == (200, b"whole" if end == "delimited-and-left" else b"until the end")


def test_an_answer_that_only_a_goodbye_would_end_is_broken_without_one(site: Site) -> None:
    """RFC 9112 section 9.8: complete only if a valid closure alert was received; anybody can send a FIN."""
    with pytest.raises(http.client.IncompleteRead):
        site.ask("/verified/just-left")


def test_a_drain_finishes_the_answer_under_way_and_closes_idle_connections(tmp_path: Path) -> None:
    with running(tmp_path) as site, site.connect() as idle, site.connect() as busy:
        idle.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert site.plain.asked.wait(PATIENCE_S)
        site.server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1 << 16) == b""  # closed with a goodbye: without one, this raises
        site.plain.release.set()
        answer = b""
        while piece := busy.recv(1 << 16):
            answer += piece
        assert answer.endswith(b"\r\n\r\nslow")
        assert b"\r\nConnection: close\r\n" in answer
        assert site.server.process.wait(within=20) == 0  # a client that does not say goodbye delays nothing
