import os
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.contract.sides import ANSWER_WITHIN_S, Sides, started, url_of


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    folder = tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        monolith = stack.enter_context(
            started(
                ["legacy_monolith", "--seed", "--products", "130", "--orders", "20", "--users", "5"],
                {"PORT": "0", "DATA_DIR": str(folder / "monolith"), "DATABASE_URL": "", "HOST": ""},
                folder / "monolith.log",
            )
        )
        environment = {
            **os.environ,
            "HOST": "",
            "PORT": "0",
            "DATABASE_URL": f"sqlite:///{folder / 'inventory.db'}",
            "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",  # a copy that hears of nothing by itself
            "INTERNAL_TOKEN": "of-this-test-run",
            "LEGACY_URL": url_of(monolith),
        }
        inventory = stack.enter_context(
            started(["extracted_services.inventory"], environment, folder / "inventory.log")
        )
        sides = Sides(
            stack.enter_context(httpx.Client(base_url=url_of(monolith), trust_env=False, timeout=ANSWER_WITHIN_S)),
            stack.enter_context(httpx.Client(base_url=url_of(inventory), trust_env=False, timeout=ANSWER_WITHIN_S)),
            environment,
        )
        sides.backfill()
        yield sides
