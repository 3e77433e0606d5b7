"""This project's proxy as an ASGI application, to be served by an unmodified uvicorn."""

import os

import proxy
from proxy.config import load_file

app = proxy.create_app(load_file(os.environ["BENCH_CONFIG"], os.environ))
