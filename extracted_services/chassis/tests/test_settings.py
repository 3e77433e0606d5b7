from dataclasses import dataclass

import pytest

from extracted_services.chassis.settings import (
    PAYMENTS_URL,
    CommonSettings,
    SettingsError,
    common_variables,
    read_settings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CommonSettings):
    payments_url: str


VARIABLES = {**common_variables("orders", 8101), "PAYMENTS_URL": PAYMENTS_URL}


def read(**environment: str) -> Settings:
    return read_settings(environment, VARIABLES, Settings)


def problems_of(**environment: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(**environment)
    return refused.value.problems


def test_a_service_has_defaults_of_its_own() -> None:
    settings = read()

    assert (settings.port, settings.database.database) == (8101, "var/orders.db")
    assert (settings.broker_url, settings.payments_url) == ("sqlite:///var/broker.db", "http://127.0.0.1:8102")
    assert settings.internal_token is None
    assert read(**dict.fromkeys(VARIABLES, "")) == settings


def test_keys_are_the_monoliths_unless_told_otherwise() -> None:
    assert read(LEGACY_URL="http://shop.test/").jwks_url == "http://shop.test/.well-known/jwks.json"
    assert read(LEGACY_URL="http://shop.test", SHOP_JWKS_URL="http://keys.test/x").jwks_url == "http://keys.test/x"


def test_a_wrong_address_of_the_monolith_is_told_once() -> None:
    assert [problem.split(":")[0] for problem in problems_of(LEGACY_URL="shop")] == ["LEGACY_URL"]


def test_every_wrong_variable_is_told_and_no_secret() -> None:
    problems = problems_of(
        PORT="x", BROKER_URL="amqp://u:hunter2@h", INTERNAL_TOKEN="hunter2 hunter2", PAYMENTS_URL="http://u:hunter2@h"
    )

    assert [problem.split(":")[0] for problem in problems] == ["PORT", "BROKER_URL", "INTERNAL_TOKEN", "PAYMENTS_URL"]
    assert "hunter2" not in " ".join(problems)


def test_settings_can_be_shown_without_their_secrets() -> None:
    shown = repr(read(INTERNAL_TOKEN="hunter2", DATABASE_URL="postgresql://u:hunter2@h/d"))

    assert "hunter2" not in shown


@pytest.mark.parametrize("url", ["sqlite:////srv/bus.db", "kafka://a:9092", "kafka://a:9092,b:9092"])
def test_a_broker_is_a_file_or_kafka(url: str) -> None:
    assert read(BROKER_URL=url).broker_url == url


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "kafka://", "kafka://a,,b", "kafka://a b", "redis://h", "x"]
)
def test_another_broker_is_refused(url: str) -> None:
    assert problems_of(BROKER_URL=url) == ["BROKER_URL: must look like sqlite:///path or kafka://host:port[,host:port]"]
