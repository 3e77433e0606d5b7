"""The sections of comparing that passed every rule → their immutable form. A route's join the defaults'."""

from collections.abc import Mapping

from proxy.config.compare import DEFAULT_COMPARE, DEFAULT_SHADOW, Compare, IgnoreRule, Shadow
from proxy.config.model import Stage
from proxy.config.nodes import Document, Location
from proxy.config.place import Place
from proxy.config.written_compare import CompareSection, IgnoreSection, ShadowSection


def assemble_compare(written: Mapping[Location, CompareSection | None], document: Document) -> Compare:
    """The sections by where they stand, the defaults' first. What one says replaces, or adds to, those before it."""
    sections = {location: section for location, section in written.items() if section is not None}
    if not sections:
        return DEFAULT_COMPARE
    said = {key: getattr(CompareSection(), key) for key in CompareSection.model_fields}
    for section in sections.values():
        said |= {key: getattr(section, key) for key in section.model_fields_set}
    rules = [
        _ignore(rule, document.place((*location, "ignore", number)))
        for location, section in sections.items()
        for number, rule in enumerate(section.ignore)
    ]
    return Compare(
        sample=said["sample"],
        ignore=tuple(dict.fromkeys(rules)),
        unordered=tuple(dict.fromkeys(path for section in sections.values() for path in section.unordered)),
        tolerance=dict(said["tolerance"]),
        mask=dict(said["mask"]),
        headers=tuple(said["headers"]),
        equal_status=tuple(frozenset(statuses) for statuses in said["equal_status"]),
        null_is_missing=said["null_is_missing"],
    )


def assemble_shadow(written: ShadowSection | None, stage: Stage) -> Shadow | None:
    """A route at stage shadow or canary is shadowed, whether or not it says how."""
    if written is None:
        return DEFAULT_SHADOW if stage in (Stage.SHADOW, Stage.CANARY) else None
    return Shadow(
        sample=written.sample,
        max_in_flight=written.max_in_flight,
        queue=written.queue,
        timeout=written.timeout,
        max_body_bytes=written.max_body,
        allow_writes=written.allow_writes,
    )


def _ignore(written: IgnoreSection, place: Place) -> IgnoreRule:
    return IgnoreRule(written.path, written.header, written.css, written.because, written.until, place)
