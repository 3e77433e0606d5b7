"""HAProxy on one thread, with reuse of upstream connections for every request."""

from benchmarks.peer import Launch, Peer, Setup, fill, missing_program, program_version, required

CONFIGURATION = """\
global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 30s
  timeout http-request 10s
  http-reuse always
  option forwardfor
  @access_log@
frontend public
  bind 127.0.0.1:@port@ backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  use_backend products if { path_beg /api/products/ }
  use_backend orders if { path_beg /api/orders }
  default_backend monolith
backend products
  server one @upstream@
backend orders
  server one @upstream@
backend monolith
  server one @upstream@
"""


def launch(setup: Setup) -> Launch:
    conf = setup.folder / "haproxy.cfg"
    access_log = "log global\n  option httplog" if setup.access_log else ""
    conf.write_text(fill(CONFIGURATION, port=setup.port, upstream=setup.upstream, access_log=access_log))
    return Launch([required("haproxy"), "-db", "-f", conf])


PEER = Peer(
    "haproxy",
    "HAProxy",
    missing_program("haproxy", "Debian: apt install haproxy"),
    program_version("haproxy", "-v"),
    launch,
)
