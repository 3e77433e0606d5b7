"""Bounded forms: the same is drawn in every run, unless CHAOS_SEED says otherwise.

What a machine makes of it is never the same: a process dies wherever it happens to be.
"""

import os
from random import Random

import pytest

from tests.support.filled import (  # noqa: F401 - fixtures
    brokerless,
    embedded,
    filled_embedded,
    filled_real,
    ground,
    real,
)

DEFAULT_SEED = 20261122


@pytest.fixture
def chance() -> Random:
    seed = int(os.environ.get("CHAOS_SEED") or DEFAULT_SEED)
    print(f"CHAOS_SEED={seed}")
    return Random(seed)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
