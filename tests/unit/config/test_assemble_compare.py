"""How sections of comparing become values."""

from datetime import timedelta

from proxy.config.assemble_compare import assemble_compare, assemble_shadow
from proxy.config.compare import DEFAULT_COMPARE, DEFAULT_SHADOW, Shadow
from proxy.config.document import parse
from proxy.config.model import Stage
from proxy.config.substitution import Substitution
from proxy.config.written_compare import CompareSection, ShadowSection

EMPTY = parse("version: 1", "routes.yaml", Substitution({}, lambda _path: ""))


def test_a_file_that_says_nothing_shares_the_models_defaults() -> None:
    assert assemble_compare({("defaults", "compare"): None}, EMPTY) is DEFAULT_COMPARE
    assert assemble_shadow(None, Stage.SHADOW) is DEFAULT_SHADOW
    assert assemble_shadow(None, Stage.CUTOVER) is None


def test_a_key_that_is_written_with_its_default_replaces_what_stood_before() -> None:
    outer = CompareSection.model_validate({"null_is_missing": True, "headers": ["Vary"]})
    inner = CompareSection.model_validate({"null_is_missing": False})
    found = assemble_compare({("defaults", "compare"): outer, ("routes", 0, "compare"): inner}, EMPTY)
    assert (found.null_is_missing, found.headers) == (False, ("Vary",))


def test_a_shadow_is_as_it_is_written_at_every_stage() -> None:
    written = ShadowSection.model_validate({"timeout": "2s", "allow_writes": True})
    for stage in Stage:
        assert assemble_shadow(written, stage) == Shadow(timeout=timedelta(seconds=2), allow_writes=True)
