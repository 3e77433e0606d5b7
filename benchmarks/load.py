"""Puts a load on a port and brings back what the clients saw. It never runs on the proxy's core."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import BenchmarkError
from benchmarks.scenarios import HEADERS, Load

SCRIPT = Path(__file__).with_name("load.lua")
REQUEST_TIMEOUT = "20s"  # the slowest peers answer in seconds at 64 connections; that is a figure, not an error


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What the clients saw. `errors` counts by kind; statuses of 400 and more are the kind `status`."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: dict[str, int]

    @property
    def failure(self) -> str | None:
        """The errors in words, or that nothing was answered; None when every request succeeded."""
        kinds = [f"{count} {kind}" for kind, count in self.errors.items() if count]
        if kinds:
            return f"errors: {', '.join(kinds)}"
        return None if self.requests else "no request was answered"


def run_load(load: Load, port: int, *, seconds: float, cores: str) -> LoadResult:
    """Load `port` of 127.0.0.1 for that long: paced on one connection, or as fast as the connections allow."""
    command = paced_command(load, port, seconds) if load.rate else wrk_command(load, port, seconds)
    finished = subprocess.run(
        ["taskset", "--cpu-list", cores, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BENCH_BODY_BYTES": str(load.sent_body_bytes), "BENCH_VISITORS": str(load.visitors)},
    )
    if finished.returncode:
        raise BenchmarkError(f"the load generator failed: {finished.stderr.strip() or finished.stdout.strip()}")
    return read_result(finished.stdout)


def wrk_command(load: Load, port: int, seconds: float) -> list[str]:
    """One wrk thread, which is more than one core of proxy can use."""
    headers = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    shape = ["-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", REQUEST_TIMEOUT]
    return ["wrk", *shape, "--script", str(SCRIPT), *headers, f"http://127.0.0.1:{port}{load.path}"]


def paced_command(load: Load, port: int, seconds: float) -> list[str]:
    return [sys.executable, "-m", "benchmarks.paced", str(port), load.path, str(load.rate), str(seconds)]


def read_result(output: str) -> LoadResult:
    """The last line of the output, which both load generators write as the same JSON object."""
    try:
        seen: dict[str, Any] = json.loads(output.splitlines()[-1])
        return LoadResult(
            requests=seen["requests"],
            seconds=seen["microseconds"] / 1e6,
            p50_us=seen["p50_us"],
            p99_us=seen["p99_us"],
            errors=seen["errors"],
        )
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(
            f"the load generator said nothing that can be read ({error!r}): {output[-300:]}"
        ) from error
