"""Two requests with one key, on both databases: one does the work, the other gets its answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.answers import Answer, Asked, fingerprint, read_answer
from extracted_services.chassis.database import open_engine, reading, writing
from extracted_services.chassis.kept_answers import KeptAnswers, KeyReused, add_kept_answers
from extracted_services.chassis.settings import parse_database

pytestmark = pytest.mark.anyio

metadata = MetaData()
table = add_kept_answers(metadata)
BODY = {"lines": [{"sku": "MUG-1", "quantity": 2}], "card": {"number": "4242424242424242"}}
ASKED = Asked("019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11", "/api/orders", "key-1", fingerprint(BODY))
ANSWER = ASKED.answered(201, {"id": "1", "status": "confirmed"}, "/api/orders/1")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


async def find(engine: AsyncEngine) -> Answer | None:
    async with reading(engine) as connection:
        return await KeptAnswers(table, connection).find(ASKED.customer, ASKED.path, ASKED.key)


async def test_of_many_requests_at_once_one_does_the_work_and_all_get_its_answer(engine: AsyncEngine) -> None:
    done = 0

    async def ask() -> Answer:
        nonlocal done
        async with writing(engine) as connection:
            answers = KeptAnswers(table, connection)
            kept = await answers.claim(ASKED)
            if kept is not None:
                return kept
            done += 1
            await asyncio.sleep(0)  # the others come while the work is done
            await answers.keep(ANSWER)
            return ANSWER

    assert await asyncio.gather(*(ask() for _ in range(12))) == [ANSWER] * 12
    assert done == 1


async def test_who_waited_for_work_that_failed_does_it(engine: AsyncEngine) -> None:
    claimed, waiting = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        async with writing(engine) as connection:
            assert await KeptAnswers(table, connection).claim(ASKED) is None
            claimed.set()
            await waiting.wait()
            raise ZeroDivisionError

    async def follow() -> Answer | None:
        await claimed.wait()
        waiting.set()
        async with writing(engine) as connection:
            return await KeptAnswers(table, connection).claim(ASKED)

    failed, found = await asyncio.gather(fail(), follow(), return_exceptions=True)

    assert isinstance(failed, ZeroDivisionError)
    assert found is None


async def test_a_key_that_came_with_another_body_is_refused(engine: AsyncEngine) -> None:
    other = Asked(ASKED.customer, ASKED.path, ASKED.key, fingerprint({}))
    async with writing(engine) as connection:
        await KeptAnswers(table, connection).claim(other)

    with pytest.raises(KeyReused):
        async with writing(engine) as connection:
            await KeptAnswers(table, connection).claim(ASKED)


async def test_a_claim_may_be_committed_before_its_answer_is_known_and_taken_back(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await KeptAnswers(table, connection).claim(ASKED)
    async with writing(engine) as connection:
        answers = KeptAnswers(table, connection)
        kept = await answers.claim(ASKED)
        assert kept is not None
        assert not kept.is_given
        await answers.forget(ASKED)

    assert await find(engine) is None


async def test_an_answer_of_the_other_side_is_taken_over_but_none_is_overwritten_unasked(engine: AsyncEngine) -> None:
    later = ASKED.answered(402, {"type": "urn:shop:payment-declined"})
    async with writing(engine) as connection:
        answers = KeptAnswers(table, connection)
        await answers.adopt(ANSWER)
        await answers.adopt(later)
    assert await find(engine) == ANSWER

    async with writing(engine) as connection:
        await KeptAnswers(table, connection).adopt(later, replace=True)
    assert await find(engine) == later


async def test_an_answer_of_the_other_side_fills_a_claim_of_the_same_body_only(engine: AsyncEngine) -> None:
    foreign = Asked(ASKED.customer, ASKED.path, ASKED.key, fingerprint({})).answered(201, {})
    async with writing(engine) as connection:
        answers = KeptAnswers(table, connection)
        await answers.claim(ASKED)
        await answers.adopt(foreign)
        assert await answers.find(ASKED.customer, ASKED.path, ASKED.key) == Answer(ASKED, 0, None, "")
        await answers.adopt(ANSWER)
    assert await find(engine) == ANSWER

    async with writing(engine) as connection:
        await KeptAnswers(table, connection).adopt(foreign, replace=True)
    assert await find(engine) == foreign


def test_an_answer_travels_whole() -> None:
    for answer in (ANSWER, ASKED.answered(402, {})):
        assert read_answer(answer.as_data()) == answer


def test_bodies_that_are_equal_as_json_have_one_fingerprint() -> None:
    reordered = {"card": {"number": "4242424242424242"}, "lines": [{"quantity": 2, "sku": "MUG-1"}]}

    assert fingerprint(reordered) == fingerprint(BODY)
    assert fingerprint({**BODY, "lines": []}) != fingerprint(BODY)


def test_a_card_number_counts_by_its_length_and_last_four_digits() -> None:
    def of(number: str) -> str:
        return fingerprint({**BODY, "card": {"number": number}})

    assert of("4000000000004242") == of("4242424242424242")
    assert of("400000000004242") != of("4242424242424242")
    assert of("4242424242424241") != of("4242424242424242")
