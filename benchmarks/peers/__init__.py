"""Who can take part, in the order in which the tables list those who did not run."""

from benchmarks.peer import Peer
from benchmarks.peers import caddy, envoy, haproxy, mitmproxy, nginx, python, strangler, traefik

DIRECT = "direct"
"""No proxy at all: the load generator and the upstream, as a floor for latency and a ceiling for requests a second."""

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        nginx.PEER,
        haproxy.PEER,
        envoy.PEER,
        strangler.ENGINE,
        strangler.ASGI,
        caddy.PEER,
        traefik.PEER,
        python.NAIVE,
        mitmproxy.PEER,
        python.FASTAPI_PROXY_LIB,
    )
}
