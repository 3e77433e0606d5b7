"""fastapi-proxy-lib with its defaults, as its manual shows it."""

import os

from fastapi_proxy_lib.fastapi.app import reverse_http_app

app = reverse_http_app(base_url=f"http://{os.environ['BENCH_UPSTREAM']}/")
