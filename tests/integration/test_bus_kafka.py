"""The Kafka bus keeps the contract on real brokers: noida-db always, Tansu by `make brokers`."""

import os
from collections.abc import Iterator

import pytest

from extracted_services.messaging.tests.contract_bus import BusContract
from tests.support.brokers import Broker, be_patient, running_broker


@pytest.fixture(scope="class")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One for all tests of a class, named there."""
    with running_broker(request.cls.broker_name, tmp_path_factory.mktemp("broker")) as broker:
        yield broker


class KafkaContract(BusContract):
    broker_name = ""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def url(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
        be_patient(monkeypatch)
        return broker.url


class TestNoidaDb(KafkaContract):
    broker_name = "noida-db"


@pytest.mark.skipif(os.environ.get("BROKERS") != "all", reason="run by make brokers: its groups join slowly")
class TestTansu(KafkaContract):
    broker_name = "tansu"
    exact_lag = False  # it counts the last batch as one record
