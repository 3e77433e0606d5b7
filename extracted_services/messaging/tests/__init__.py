import pytest

pytest.register_assert_rewrite("extracted_services.messaging.tests.contract_bus")
