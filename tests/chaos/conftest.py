"""The scenarios of tests/system in full size: minutes each, so only `make chaos` runs them. CHAOS_SEED repeats a run
that failed, as far as what is drawn goes."""

import os
from random import Random, SystemRandom

import pytest

from tests.support.filled import (  # noqa: F401 - fixtures
    embedded,
    filled_embedded,
    filled_real,
    ground,
    real,
)

if not os.environ.get("CHAOS"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def chance() -> Random:
    seed = int(os.environ.get("CHAOS_SEED") or SystemRandom().randint(0, 10**9))
    print(f"CHAOS_SEED={seed}")
    return Random(seed)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
