"""The command line: the commands all services have, and the comparison with the card processor's ledger.

Exit codes of `chassis.command`, and 1 when the books do not agree.
"""

import asyncio
import json
import sys
from dataclasses import asdict

import click

from extracted_services.chassis.command import build_command, fail, telling_failures
from extracted_services.chassis.encoding import show_money
from extracted_services.payments.bootstrap import audit, migrate_database, serve_forever
from extracted_services.payments.domain.agreement import Agreement
from extracted_services.payments.service_layer.ports import LedgerUnreadable
from extracted_services.payments.settings import VARIABLES, Settings, read_settings

MOST_DIFFERENCES = 20

main = build_command(
    "payments",
    "The payments service: cards charged and refunded.",
    VARIABLES,
    read_settings,
    serve_forever,
    migrate_database,
)


@main.command("ledger")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON, with every difference.")
@click.pass_obj
def run_ledger(settings: Settings, as_json: bool) -> None:
    """Compare what the card processor took and gave back with the recorded payments; exit code 1 if they differ.

    A charge that is under way at that moment is a difference, too: it is not settled yet.
    """
    with telling_failures():
        try:
            agreement = asyncio.run(audit(settings))
        except LedgerUnreadable as problem:
            fail(3, f"PROCESSOR_LEDGER: {problem}")
    click.echo(json.dumps(show_agreement(agreement)) if as_json else describe_agreement(agreement))
    sys.exit(0 if agreement.agree else 1)


def show_agreement(agreement: Agreement) -> dict[str, object]:
    """Sums in cents."""
    fields = {name: value for name, value in asdict(agreement).items() if name != "differences"}
    return {
        "agree": agreement.agree,
        **fields,
        "orders_charged_twice": [str(order) for order in agreement.orders_charged_twice],
        "differences": [{"id": str(found.id), "problem": found.problem} for found in agreement.differences],
    }


def describe_agreement(agreement: Agreement) -> str:
    lines = [
        f"the processor took      {_money(agreement.taken)}, gave back {_money(agreement.given_back)}",
        f"recorded as captured    {_money(agreement.recorded)}, refunded  {_money(agreement.refunded)}",
        f"accounts {agreement.accounts}, declined {agreement.declined}, asked again {agreement.repeated_asks} times; "
        f"payments charged elsewhere {agreement.elsewhere}",
    ]
    if agreement.orders_charged_twice:
        lines.append(f"orders with more than one charge: {len(agreement.orders_charged_twice)}")
    lines += [f"  {found.id}: {found.problem}" for found in agreement.differences[:MOST_DIFFERENCES]]
    if len(agreement.differences) > MOST_DIFFERENCES:
        lines.append(f"  and {len(agreement.differences) - MOST_DIFFERENCES} more")
    count = len(agreement.differences)
    lines.append("the books agree" if agreement.agree else f"the books differ: {count} payment{'s' * (count != 1)}")
    return "\n".join(lines)


def _money(cents: int) -> str:
    money = show_money(cents)
    return f"{money['amount']:>10} {money['currency']}"
