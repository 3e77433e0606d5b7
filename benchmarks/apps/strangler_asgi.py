"""This project's proxy as an ASGI application, to be served by an unmodified uvicorn."""

import os

import proxy

app = proxy.create_app(os.environ["BENCH_CONFIG"])
