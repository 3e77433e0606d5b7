"""A monolith, and beside it all three services with the same data, so that an order goes its whole way on either side.

As in `pair`, neither side hears of what the other does: the services share a broker, the monolith has its own.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from tests.contract.pair import INTERNAL_TOKEN, PASSWORDS, Pair, Side, log_in
from tests.contract.sides import ANSWER_WITHIN_S, started, url_of
from tests.support.processes import ROOT

ENTITIES = {"inventory": "stock", "payments": "payment", "orders": "order"}


@contextlib.contextmanager
def quartet(folder: Path) -> Iterator[Pair]:
    """The monolith, and the orders service with the others behind it."""
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(quartet_urls(folder))
        sides = [
            Side(stack.enter_context(httpx.Client(base_url=urls[name], trust_env=False, timeout=ANSWER_WITHIN_S)))
            for name in ("legacy", "orders")
        ]
        yield Pair(*sides, tokens={who: log_in(urls["legacy"], who) for who in PASSWORDS})


@contextlib.contextmanager
def quartet_urls(folder: Path) -> Iterator[dict[str, str]]:
    """Where all four serve, filled alike: `legacy`, and the services by name."""
    common = {"HOST": "", "PORT": "0", "INTERNAL_TOKEN": INTERNAL_TOKEN}
    with contextlib.ExitStack() as stack:
        of_monolith = {**common, "DATA_DIR": str(folder / "monolith"), "DATABASE_URL": "", "BROKER_URL": ""}
        of_monolith |= {f"{name.upper()}_URL": "" for name in ENTITIES}
        seed = ["--seed", "--products", "40", "--orders", "60", "--users", "5"]
        monolith = stack.enter_context(started(["legacy_monolith", *seed], of_monolith, folder / "monolith.log"))
        urls = {"legacy": url_of(monolith)}
        _place_an_order(urls["legacy"])
        for name in ENTITIES:  # orders comes last, and is told where the others are
            of_service = {
                **common,
                "DATABASE_URL": f"sqlite:///{folder / name}.db",
                "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",
                "PROCESSOR_LEDGER": str(folder / "card-processor.db"),
                "SHOP_JWKS_URL": "",
                "ORDER_WAIT": "30",  # the monolith answers when an order has ended, however long that takes
                **{f"{known.upper()}_URL": url for known, url in urls.items()},
            }
            log = folder / f"{name}.log"
            urls[name] = url_of(stack.enter_context(started([f"extracted_services.{name}"], of_service, log)))
            _fill(name, {**of_monolith, f"{name.upper()}_URL": urls[name]})
            _own(urls[name], ENTITIES[name])
        yield urls


def _fill(service: str, environment: Mapping[str, str]) -> None:
    command = [sys.executable, ROOT / "legacy_monolith" / "manage.py", "backfill", service]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _place_an_order(url: str) -> None:
    """One of alice's that is not on its way yet: the sample data is older."""
    levels = httpx.get(f"{url}/api/stock?limit=100", trust_env=False, timeout=ANSWER_WITHIN_S).json()["items"]
    order = {
        "lines": [{"sku": max(levels, key=lambda level: level["available"])["sku"], "quantity": 2}],
        "shipping_address": {"name": "A", "street": "B", "postcode": "1", "city": "C", "country": "DK"},
        "card": {"number": "4242424242424242"},
    }
    headers = {"Authorization": f"Bearer {log_in(url, 'alice')}"}
    answer = httpx.post(f"{url}/api/orders", json=order, headers=headers, trust_env=False, timeout=ANSWER_WITHIN_S)
    assert answer.status_code == 201, answer.text


def _own(url: str, entity: str) -> None:
    headers = {"Authorization": f"Bearer {INTERNAL_TOKEN}"}
    body = {"entities": [entity], "epoch": 2}
    answer = httpx.post(
        f"{url}/internal/sync/own", json=body, headers=headers, trust_env=False, timeout=ANSWER_WITHIN_S
    )
    assert answer.status_code == 200, answer.text
