import pytest
from hypothesis import HealthCheck, settings

# Properties are judged by what they find, not by how busy the machine is while they look.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
