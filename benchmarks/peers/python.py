"""Proxies written as ASGI applications, on one uvicorn worker with uvloop and httptools."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peer import EXTRA_PEERS, Launch, Peer, Setup, said_by

ROOT = Path(__file__).parents[2]
EXTRA_PYTHON = EXTRA_PEERS / "bin" / "python"


def uvicorn(app: str, setup: Setup, environment: Mapping[str, str], python: str | Path = sys.executable) -> Launch:
    """The command that serves `benchmarks.apps.<app>:app`."""
    listen = ["--host", "127.0.0.1", "--port", str(setup.port), "--backlog", "4096", "--timeout-keep-alive", "75"]
    speed = ["--loop", "uvloop", "--http", "httptools", "--no-proxy-headers"]
    log = [] if setup.access_log else ["--no-access-log"]
    argv = [python, "-m", "uvicorn", f"benchmarks.apps.{app}:app", "--app-dir", ROOT, *listen, *speed, *log]
    return Launch(argv, environment)


def launch_naive(setup: Setup) -> Launch:
    return uvicorn("naive", setup, {"BENCH_UPSTREAM": setup.upstream})


def naive_version() -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("starlette", "httpx", "uvicorn"))


def launch_fastapi_proxy_lib(setup: Setup) -> Launch:
    environment = {"BENCH_UPSTREAM": setup.upstream}
    return uvicorn("fastapi_proxy_lib", setup, environment, python=EXTRA_PYTHON.absolute())


def fastapi_proxy_lib_missing() -> str | None:
    try:
        subprocess.run(
            [EXTRA_PYTHON, "-c", "import fastapi_proxy_lib.fastapi.app, uvicorn"], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return (
            f"fastapi-proxy-lib not found (PyPI: fastapi-proxy-lib[standard] and uvicorn[standard] into {EXTRA_PEERS})"
        )
    return None


def fastapi_proxy_lib_version() -> str:
    ask = "import importlib.metadata as m; print(m.version('fastapi-proxy-lib'))"
    return said_by([EXTRA_PYTHON, "-c", ask]).strip()


NAIVE = Peer("naive", "Starlette + httpx, as in tutorials", lambda: None, naive_version, launch_naive)
FASTAPI_PROXY_LIB = Peer(
    "fastapi-proxy-lib",
    "fastapi-proxy-lib",
    fastapi_proxy_lib_missing,
    fastapi_proxy_lib_version,
    launch_fastapi_proxy_lib,
)
