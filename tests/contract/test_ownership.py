"""Who may write: the services move it as the monolith does, refusals included."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.pair import INTERNAL_TOKEN, Pair, paired

TOKEN = {"Authorization": f"Bearer {INTERNAL_TOKEN}"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("ownership")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PROCESSOR_LEDGER", str(folder / "card-processor.db"))
        with paired(folder, "payments", ["payment"]) as pair:
            yield pair


def own(side: httpx.Client, **asked: Any) -> tuple[int, dict[str, Any]]:
    body = {"entities": ["payment"], **asked}
    answer = side.post("/internal/sync/own", json=body, headers=TOKEN)
    return answer.status_code, answer.json()


def heard_by(side: httpx.Client) -> int:
    position: int = side.get("/internal/sync", headers=TOKEN).json()["entities"]["payment"]["applied_from_peer"]
    return position


def test_neither_side_owns_before_it_has_heard_what_it_is_told_to(pair: Pair) -> None:
    for side in (pair.monolith.http, pair.service.http):
        heard = heard_by(side)
        status, problem = own(side, epoch=50, heard={"payment": heard + 1})
        assert (status, problem["type"], problem["title"]) == (409, "urn:shop:behind", "Behind the other side")
        assert problem["detail"] == f"of payment, events up to {heard} have been heard, not up to {heard + 1}"
        assert own(side, epoch=50, heard={"payment": heard})[0] == 200


@pytest.mark.parametrize("heard", [None, 1, {"payment": "1"}, {"payment": -1}, {"": 0}], ids=str)
def test_both_refuse_a_senseless_word_on_what_was_heard_alike(pair: Pair, heard: object) -> None:
    monolith, service = (own(side, epoch=60, heard=heard) for side in (pair.monolith.http, pair.service.http))
    assert monolith == service
    assert monolith[0] == 422
