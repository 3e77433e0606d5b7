"""mitmproxy in reverse mode: made to look into traffic, listed to show what that costs. It has no routes."""

from benchmarks.peer import EXTRA_PEERS, Launch, Peer, Setup, missing_program, program_version, required


def launch(setup: Setup) -> Launch:
    options = {
        "confdir": f"{setup.folder}/conf",
        "listen_host": "127.0.0.1",
        "keep_host_header": "true",
        "stream_large_bodies": "256k",
        "connection_strategy": "lazy",
        "flow_detail": "1",
    }
    settings = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    mode = ["--mode", f"reverse:http://{setup.upstream}", "--listen-port", str(setup.port)]
    quiet = [] if setup.access_log else ["--quiet"]
    return Launch([required("mitmdump"), *mode, *settings, *quiet])


PEER = Peer(
    "mitmproxy",
    "mitmproxy",
    missing_program("mitmdump", f"PyPI: mitmproxy into {EXTRA_PEERS}"),
    program_version("mitmdump", "--version"),
    launch,
)
