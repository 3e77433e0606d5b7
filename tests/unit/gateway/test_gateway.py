"""What composing costs those who do not."""

import subprocess
import sys

from tests.support.processes import ROOT


def test_a_process_that_composes_nothing_does_not_load_httpx() -> None:
    program = "import proxy.engines.embedded.engine, sys; print(*sorted({'httpx', 'asyncio'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["asyncio"]
