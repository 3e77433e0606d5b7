"""The operator's commands, in their own process memory but not in another process."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extracted_services.messaging.__main__ import main
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Bus, Delivery, Poison
from extracted_services.messaging.tests.recorder import Recorder, messages


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a bus on which group `orders` gave up one of three messages."""
    url = f"sqlite:///{tmp_path}/broker.db"

    async def fill() -> None:
        def poison(delivery: Delivery) -> None:
            if delivery.message.key == "bad":
                raise Poison("an unknown version")

        bus, recorder = open_bus(url, client="test"), Recorder(poison)
        await bus.publish(messages("order", "a", "bad", "c", value=b"a secret address"))
        async with bus.subscribe(["order"], "orders", recorder, dead=recorder.bury):
            await recorder.until(lambda: len(recorder.handled) == 2 and len(recorder.dead) == 1)
            await caught_up(bus)
        await bus.close()

    asyncio.run(fill())
    return url


async def caught_up(bus: Bus) -> None:
    """Until the group `orders` has committed all that it handled."""
    async with asyncio.timeout(60):
        while True:
            if await bus.lag("orders", ["order"]) == 0:
                return
            await asyncio.sleep(0.01)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})


def test_dead_letters_are_listed_with_their_reason_and_without_their_value(url: str) -> None:
    result = run("--broker", url, "dead-letters")
    assert result.exit_code == 0
    assert "an unknown version" in result.output
    assert "bad" in result.output
    assert "secret" not in result.output


def test_dead_letters_as_json_may_fail_a_check(url: str) -> None:
    result = run("--broker", url, "dead-letters", "--json", "--fail")
    (letter,) = json.loads(result.output)
    assert (letter["group"], letter["attempts"], letter["reason"]) == ("orders", 1, "an unknown version")
    assert result.exit_code == 1


def test_lag_is_counted_by_topic(url: str) -> None:
    result = run("--broker", url, "lag", "payments", "--topic", "order", "--json", "--at-most", "2")
    assert json.loads(result.output) == {"group": "payments", "lag": {"order": 3}}
    assert result.exit_code == 1
    assert run("--broker", url, "lag", "orders", "--at-most", "0").exit_code == 0


def test_replay_says_how_many_messages_come_again(url: str) -> None:
    assert "3 messages of order again" in run("--broker", url, "replay", "orders", "order", "--from-start").output
    assert json.loads(run("--broker", url, "lag", "orders", "--topic", "order", "--json").output)["lag"] == {"order": 3}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["replay", "orders", "order"], 2, "Say where from"),
        (["replay", "orders", "order", "--since", "yesterday"], 2, "not a time"),
        (["replay", "orders", "order", "--from-offset", "3"], 2, "not PARTITION:OFFSET"),
        (["replay", "nobody", "order", "--from-start"], 1, "nobody"),
    ],
)
def test_what_cannot_be_replayed_is_said(url: str, arguments: list[str], status: int, said: str) -> None:
    result = run("--broker", url, *arguments)
    assert result.exit_code == status
    assert said in result.output


def test_a_broker_that_is_not_there_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    assert run("--broker", f"sqlite:///{missing}", "dead-letters").exit_code == 3
    assert not missing.exists()
    assert run("--broker", "kafka://127.0.0.1:1", "lag", "orders").exit_code == 3
    assert run("--broker", "amqp://localhost", "lag", "orders").exit_code == 2
