"""The upstream that every peer forwards to: nginx with fixed answers, which no proxy here can outrun.

It reads a request's body to the end before it answers, since an early answer would have each proxy do other work.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peer import fill, required
from benchmarks.processes import free_port, started, wait_until_serving
from benchmarks.scenarios import BODY_BYTES, GET_1K, GET_100K, POST_10K

# `mirror` is the one thing in stock nginx that reads a body without passing it on; what follows it in the location
# finds no file and falls through to the answer. The answer's headers are what an application usually sends.
CONFIGURATION = """\
daemon off;
worker_processes 1;
pid @folder@/nginx.pid;
error_log @folder@/error.log crit;
@user@
events { worker_connections 4096; }
http {
  access_log off;
  log_not_found off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  client_body_buffer_size 64k;
  client_max_body_size 2g;
  client_body_temp_path @folder@/body;
  proxy_temp_path @folder@/proxy;
  fastcgi_temp_path @folder@/fastcgi;
  uwsgi_temp_path @folder@/uwsgi;
  scgi_temp_path @folder@/scgi;
  open_file_cache max=10;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:@port@ backlog=4096;
    listen 127.0.0.2:@port@ backlog=4096;
    default_type application/json;
    add_header Cache-Control "max-age=60";
    add_header ETag '"5f1c-62b9a4e4f0db8"';
    add_header Vary "Accept-Language, Cookie";
    add_header X-Frame-Options DENY;
    location = @get_1k@ { return 200 "@body_1k@"; }
    location = @get_100k@ { alias @folder@/image; }
    location @post_10k@ {
      mirror /drop;
      root @folder@/nothing;
      error_page 403 404 405 =200 @answered;
    }
    location @answered { return 200 "{}"; }
    location = /drop { internal; return 204; }
  }
}
"""


def configuration(port: int, folder: Path) -> str:
    """The text of nginx.conf; `folder` takes its files."""
    return fill(
        CONFIGURATION,
        port=port,
        folder=folder,
        user=worker_user(),
        get_1k=GET_1K,
        get_100k=GET_100K,
        post_10k=POST_10K,
        body_1k="x" * BODY_BYTES[GET_1K],
    )


def worker_user() -> str:
    """Under root, nginx would change to a user who cannot read the folder."""
    return "user root;" if Path("/proc/self").stat().st_uid == 0 else ""


@contextlib.contextmanager
def running_upstream(folder: Path, cores: str) -> Iterator[int]:
    """Start it, wait until each path answers in the expected size, yield its port, stop it."""
    port = free_port()
    folder.mkdir(parents=True)
    (folder / "image").write_bytes(b"x" * BODY_BYTES[GET_100K])
    conf, log = folder / "nginx.conf", folder / "output.log"
    conf.write_text(configuration(port, folder))
    with started([required("nginx"), "-e", log, "-c", conf], cores=cores, log=log) as process:
        for path, body_bytes in BODY_BYTES.items():
            wait_until_serving(process, port, path, body_bytes, log=log)
        yield port
