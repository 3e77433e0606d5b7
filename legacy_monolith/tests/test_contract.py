"""The running shop against its contract: generated requests, right and wrong, the same ones every time."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from .server import ANSWER_S

CONTRACT = Path(__file__).resolve().parents[2] / "extracted_services" / "contracts" / "shop-api.yaml"
EXAMPLES = 12

schema = schemathesis.openapi.from_path(CONTRACT)


@pytest.fixture(scope="session")
def authorization(running_shop) -> str:
    with running_shop.api("admin") as api:
        return api.headers["Authorization"]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_the_contract_says(case, running_shop, authorization):
    case.call_and_validate(
        base_url=running_shop.url,
        headers={"Authorization": authorization},
        timeout=ANSWER_S,
        # A schema cannot say that a cursor is one of ours, that a SKU exists, or that a key has not been used.
        excluded_checks=[positive_data_acceptance],
    )
