"""The embedded bus keeps the contract."""

from pathlib import Path

import pytest

from extracted_services.messaging.tests.contract_bus import BusContract


class TestEmbedded(BusContract):
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/broker.db"
