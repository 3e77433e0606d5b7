"""What backfill says when it is done."""

from extracted_services.contracts.takeover import Decision
from legacy_monolith.sync.management.commands.backfill import SAID, said


def test_what_a_service_did_with_what_it_was_sent_is_said_in_words() -> None:
    assert said({"take": 3, "old": 2, "agree": 0, "conflict": 1}) == "3 taken, 2 known already, 1 in conflict"
    assert said({}) == ""


def test_there_are_words_for_every_decision() -> None:
    assert SAID.keys() == {decision.value for decision in Decision}
