"""A monolith and one service that both may write, filled alike, and the same requests to both.

They share no broker: neither hears of what the other does, so that the same requests find the same state. Ids and
times that each side makes for itself are compared by where they stand, everything else byte for byte.
"""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.contract.sides import ANSWER_WITHIN_S, UNEQUAL_BY_NATURE, started, url_of
from tests.support.processes import ROOT

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CURSOR = re.compile(r'"next":"[A-Za-z0-9_-]+"')
PASSWORDS = {"alice": "alice-pass", "bob": "bob-pass", "admin": "admin-pass"}
INTERNAL_TOKEN = "of-the-processes-of-this-test-run"


@dataclass
class Side:
    """One of the two. `ids` are those it has made, each under the name of the first answer that told it."""

    http: httpx.Client
    ids: dict[str, str] = field(default_factory=dict)

    def fill_in(self, text: str) -> str:
        """`text` with this side's ids in the place of their names: "{made-1}"."""
        return re.sub(r"\{(made-\d+)\}", lambda found: self._by_name()[found[1]], text)

    def told(self, answer: httpx.Response, shared: frozenset[str]) -> tuple[int, dict[str, str], str]:
        """What an answer tells its reader, with names for what this side made. `shared` ids stand as they are."""
        unequal = UNEQUAL_BY_NATURE | ({"content-length"} if answer.status_code == 204 else set())
        headers = {name: self._name(value, shared) for name, value in answer.headers.items() if name not in unequal}
        return answer.status_code, headers, self._name(answer.text, shared)

    def _name(self, text: str, shared: frozenset[str]) -> str:
        def name_of(found: re.Match[str]) -> str:
            if found[0] in shared:
                return found[0]
            return "{" + self.ids.setdefault(found[0], f"made-{len(self.ids) + 1}") + "}"

        return CURSOR.sub('"next":"{cursor}"', TIME.sub("{time}", ID.sub(name_of, text)))

    def _by_name(self) -> dict[str, str]:
        return {name: made for made, name in self.ids.items()}


@dataclass
class Pair:
    monolith: Side
    service: Side
    tokens: Mapping[str, str]
    shared: frozenset[str] = frozenset()

    def same(
        self,
        method: str,
        target: str,
        who: str | None = "admin",
        *,
        headers: Mapping[str, str] | None = None,
        **sent: Any,
    ) -> httpx.Response:
        """Ask both, see that they say the same, and return the service's answer. `sent` as httpx takes it."""
        asked = self._headers(who, headers)
        answers = [
            side.http.request(method, side.fill_in(target), headers=asked, **sent)
            for side in (self.monolith, self.service)
        ]
        monolith, service = (
            side.told(answer, self.shared) for side, answer in zip((self.monolith, self.service), answers, strict=True)
        )
        assert service == monolith, f"{method} {target}"
        return answers[1]

    def share(self, *ids: str) -> None:
        """These ids are sent to both sides, and stand in answers as they are."""
        self.shared |= set(ids)

    def _headers(self, who: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
        known = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return {**known, **(headers or {})}


@contextlib.contextmanager
def paired(folder: Path, service: str, entities: list[str]) -> Iterator[Pair]:
    """A monolith with sample data, and `service`, filled by its backfill and made the owner of `entities`."""
    with contextlib.ExitStack() as stack:
        own = {"HOST": "", "PORT": "0", "INTERNAL_TOKEN": INTERNAL_TOKEN, "ORDERS_URL": "", "PAYMENTS_URL": ""}
        of_monolith = {**own, "DATA_DIR": str(folder / "monolith"), "DATABASE_URL": "", "BROKER_URL": ""}
        seed = ["--seed", "--products", "40", "--orders", "20", "--users", "5"]
        monolith = stack.enter_context(started(["legacy_monolith", *seed], of_monolith, folder / "monolith.log"))
        legacy_url = url_of(monolith)
        of_service = {
            **own,
            "DATABASE_URL": f"sqlite:///{folder / service}.db",
            "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",
            "LEGACY_URL": legacy_url,
        }
        process = stack.enter_context(started([f"extracted_services.{service}"], of_service, folder / f"{service}.log"))
        url = url_of(process)
        _backfill(service, {**of_monolith, f"{service.upper()}_URL": url})
        sides = [
            Side(stack.enter_context(httpx.Client(base_url=base, trust_env=False, timeout=ANSWER_WITHIN_S)))
            for base in (legacy_url, url)
        ]
        pair = Pair(*sides, tokens={who: log_in(legacy_url, who) for who in PASSWORDS})
        moved = pair.service.http.post(
            "/internal/sync/own",
            json={"entities": entities, "epoch": 2},
            headers={"Authorization": f"Bearer {INTERNAL_TOKEN}"},
        )
        assert moved.status_code == 200, moved.text
        yield pair


def log_in(url: str, who: str) -> str:
    """A token of this user, from the monolith at `url`."""
    body = {"username": who, "password": PASSWORDS[who]}
    answer = httpx.post(f"{url}/api/token", json=body, trust_env=False, timeout=ANSWER_WITHIN_S)
    token: str = answer.json()["access_token"]
    return token


def _backfill(service: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "legacy_monolith" / "manage.py", "backfill", service],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
