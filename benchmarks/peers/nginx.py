"""nginx as most people run it in front of an application: default buffers, keep-alive to the upstream."""

from benchmarks.peer import Launch, Peer, Setup, fill, missing_program, program_version, required
from benchmarks.upstream import worker_user

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid @folder@/nginx.pid;
error_log @folder@/error.log crit;
@user@
events { worker_connections 4096; }
http {
  access_log @access_log@;
  keepalive_requests 100000000;
  client_max_body_size 2g;
  client_body_temp_path @folder@/body;
  proxy_temp_path @folder@/proxy;
  fastcgi_temp_path @folder@/fastcgi;
  uwsgi_temp_path @folder@/uwsgi;
  scgi_temp_path @folder@/scgi;
  upstream monolith { server @upstream@; keepalive 128; keepalive_requests 100000000; }
  upstream products { server @upstream@; keepalive 128; keepalive_requests 100000000; }
  upstream orders { server @upstream@; keepalive 128; keepalive_requests 100000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  server {
    listen 127.0.0.1:@port@ backlog=4096;
    location /api/products/ { proxy_pass http://products; }
    location /api/orders { proxy_pass http://orders; }
    location / { proxy_pass http://monolith; }
  }
}
"""


def launch(setup: Setup) -> Launch:
    conf = setup.folder / "nginx.conf"
    access_log = f"{setup.folder}/access.log" if setup.access_log else "off"
    values = {"upstream": setup.upstream, "access_log": access_log, "user": worker_user()}
    conf.write_text(fill(CONFIGURATION, port=setup.port, folder=setup.folder, **values))
    return Launch([required("nginx"), "-e", setup.folder / "error.log", "-c", conf])


PEER = Peer(
    "nginx", "nginx", missing_program("nginx", "Debian: apt install nginx"), program_version("nginx", "-v"), launch
)
