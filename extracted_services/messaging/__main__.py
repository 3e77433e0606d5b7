"""`python -m extracted_services.messaging`: what an operator asks a bus, and the replay of a topic to a group.

It shows where a message stands, never what is in it: values hold people's addresses.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import (
    Bus,
    BusUnavailable,
    DeadLetter,
    FromOffset,
    FromStart,
    FromTime,
    GroupActive,
    Position,
)

TOPICS = ("order", "payment", "stock", "product")
Result = TypeVar("Result")

EXIT_CODES = """\b
Exit codes:
  0  well
  1  the answer is no: dead letters with --fail, a lag above --at-most, a replay for a group that never read the topic
  2  wrong usage
  3  the broker could not be reached
"""


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--broker", envvar="BROKER_URL", default="sqlite:///var/broker.db", show_default=True, metavar="URL")
@click.pass_context
def main(context: click.Context, broker: str) -> None:
    """Look at the events between the services, and let a group handle them again."""
    context.obj = broker


topics_option = click.option(
    "--topic", "topics", multiple=True, default=TOPICS, metavar="TOPIC", help="May be repeated. [default: all four]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


@main.command("dead-letters")
@topics_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--fail", is_flag=True, help="Exit 1 when there are any.")
@json_option
@click.pass_obj
def dead_letters(broker: str, topics: Sequence[str], limit: int, *, fail: bool, as_json: bool) -> None:
    """List what was given up, newest first, and why."""
    letters = ask(broker, lambda bus: bus.dead_letters(topics, limit))
    if as_json:
        click.echo(json.dumps([facts(letter) for letter in letters], indent=2))
    elif letters:
        table = Table("at", "group", "message", "key", "attempts", "reason", "id")
        for letter in letters:
            shown = facts(letter)
            place = f"{shown['topic']}/{shown['partition']}@{shown['offset']}"
            cells = (shown["at"], shown["group"], place, shown["key"], shown["attempts"], shown["reason"], shown["id"])
            table.add_row(*(str(cell) for cell in cells))
        Console().print(table)
    else:
        click.echo("No dead letters.")
    sys.exit(1 if fail and letters else 0)


def facts(letter: DeadLetter) -> dict[str, str | int]:
    """Everything but the value."""
    delivery = letter.delivery
    return {
        "at": letter.at.isoformat(timespec="milliseconds"),
        "group": letter.group,
        "topic": delivery.message.topic,
        "partition": delivery.partition,
        "offset": delivery.offset,
        "id": delivery.message.id,
        "key": delivery.message.key,
        "attempts": delivery.attempt,
        "reason": letter.reason,
    }


@main.command()
@click.argument("group")
@topics_option
@click.option("--at-most", type=click.IntRange(0), metavar="N", help="Exit 1 when more wait.")
@json_option
@click.pass_obj
def lag(broker: str, group: str, topics: Sequence[str], at_most: int | None, *, as_json: bool) -> None:
    """Count the messages that GROUP has not handled; one that never read a topic has all of it before it."""

    async def by_topic(bus: Bus) -> dict[str, int]:
        return {topic: await bus.lag(group, [topic]) for topic in topics}

    waiting = ask(broker, by_topic)
    if as_json:
        click.echo(json.dumps({"group": group, "lag": waiting}, indent=2))
    else:
        table = Table("topic", "not handled")
        for topic, count in waiting.items():
            table.add_row(topic, f"{count:,}")
        Console().print(table)
    sys.exit(1 if at_most is not None and sum(waiting.values()) > at_most else 0)


@main.command()
@click.argument("group")
@click.argument("topic")
@click.option("--from-start", is_flag=True, help="Everything that the topic still holds.")
@click.option("--since", metavar="TIME", help="What was published since then: 2026-01-31T12:00:00+00:00")
@click.option("--from-offset", metavar="PARTITION:OFFSET", help="One partition, from there.")
@json_option
@click.pass_obj
def replay(
    broker: str, group: str, topic: str, since: str | None, from_offset: str | None, *, from_start: bool, as_json: bool
) -> None:
    """Let GROUP handle TOPIC again. Its handlers make no effect twice; with Kafka, stop its services before."""
    position = chosen(since, from_offset, from_start=from_start)
    count = ask(broker, lambda bus: bus.replay(group, topic, since=position))
    click.echo(json.dumps({"again": count}) if as_json else f"{group} handles {count:,} messages of {topic} again.")


def chosen(since: str | None, from_offset: str | None, *, from_start: bool) -> Position:
    """The one position that was asked for. Raises click.UsageError."""
    if sum((since is not None, from_offset is not None, from_start)) != 1:
        raise click.UsageError("Say where from: one of --from-start, --since and --from-offset.")
    if since is not None:
        try:
            at = datetime.fromisoformat(since)
        except ValueError as error:
            raise click.UsageError(f"--since {since}: not a time such as 2026-01-31T12:00:00+00:00") from error
        return FromTime(at if at.tzinfo else at.replace(tzinfo=UTC))
    if from_offset is not None:
        partition, colon, offset = from_offset.partition(":")
        if not (colon and partition.isdecimal() and offset.isdecimal()):
            raise click.UsageError(f"--from-offset {from_offset}: not PARTITION:OFFSET, such as 3:120")
        return FromOffset(int(partition), int(offset))
    return FromStart()


def ask(broker: str, question: Callable[[Bus], Awaitable[Result]]) -> Result:
    """Open the bus, ask, close it; ends the program with a message when there is no answer."""

    async def asked() -> Result:
        bus = open_bus(broker, client="operator")
        try:
            await bus.check()
            return await question(bus)
        finally:
            await bus.close()

    path = broker.removeprefix("sqlite:///")
    if path != broker and not os.path.exists(path):  # noqa: PTH110 - opening would make the file, and find it empty
        raise Unreachable(f"there is no file {path}")
    try:
        return asyncio.run(asked())
    except BusUnavailable as error:
        raise Unreachable(f"the broker does not answer: {error}") from error
    except (GroupActive, LookupError) as error:
        raise Refused(str(error.args[0])) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error


class Unreachable(click.ClickException):
    exit_code = 3


class Refused(click.ClickException):
    exit_code = 1


if __name__ == "__main__":
    main(prog_name="python -m extracted_services.messaging")
