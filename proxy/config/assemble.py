"""Sections that passed every rule → the immutable Snapshot. Decides nothing: a default here would be one in hiding."""

from collections.abc import Mapping
from pathlib import Path

from proxy.config.assemble_compare import assemble_compare, assemble_shadow
from proxy.config.assemble_moving import assemble_moving
from proxy.config.assemble_upstream import assemble_upstream
from proxy.config.decode import Draft
from proxy.config.model import (
    HeaderEdits,
    Limits,
    Listen,
    ListenTls,
    PathRewrite,
    Respond,
    Route,
    RouteMatch,
    Snapshot,
    ValuePredicate,
)
from proxy.config.nodes import Document
from proxy.config.outcomes import merge
from proxy.config.place import Place
from proxy.config.policy import AggregatePart, Fallback, RateLimit, default_burst
from proxy.config.written import DefaultsSection, LogSection
from proxy.config.written_listen import ListenSection
from proxy.config.written_route import (
    FallbackSection,
    HeaderEditsSection,
    MatchSection,
    RateLimitSection,
    RouteSection,
    ValueSection,
)


def assemble(draft: Draft, revision: str, base_dir: Path, sources: tuple[str, ...]) -> Snapshot:
    """`draft` must be without problems. Paths become absolute, relative ones from `base_dir`."""
    listen, defaults = draft.listen or ListenSection(), draft.defaults or DefaultsSection(legacy="")
    log, document = draft.log or LogSection(), draft.document
    return Snapshot(
        revision=revision,
        listen=_listen(listen, base_dir),
        upstreams={
            name: assemble_upstream(name, upstream, base_dir, document.key_place(("upstreams", name)))
            for name, upstream in draft.upstreams.items()
        },
        legacy=defaults.legacy,
        routes=tuple(_route(route, defaults, document, index) for index, route in draft.routes.items()),
        access_log=log.access,
        state_dir=str(base_dir / (draft.state or ".")),
        sources=sources,
    )


def _listen(written: ListenSection, base_dir: Path) -> Listen:
    limits, tls = written.limits, written.tls
    return Listen(
        public=written.public,
        console=written.console,
        trusted_proxies=tuple(written.trusted_proxies),
        trusted_callers=tuple(written.trusted_callers),
        tls=ListenTls(str(base_dir / tls.certificate), str(base_dir / tls.key)) if tls else None,
        limits=Limits(limits.head, limits.body, limits.head_timeout, limits.idle_timeout, limits.connections),
        allow_encoded_slash=written.allow_encoded_slash,
        drain_delay=written.drain_delay,
        drain_timeout=written.drain_timeout,
        stream_drain=written.stream_drain,
    )


def _route(written: RouteSection, defaults: DefaultsSection, document: Document, index: int) -> Route:
    respond, rewrite = written.respond, written.rewrite
    return Route(
        name=written.name,
        matches=tuple(
            _match(match, document.place(("routes", index, "match", number)), written.aggregate is not None)
            for number, match in enumerate(written.match)
        ),
        to=written.to,
        stage=written.stage,
        priority=written.priority,
        rewrite=PathRewrite(rewrite.path, rewrite.prefix) if rewrite else None,
        request_headers=_edits(written.headers.request),
        response_headers=_edits(written.headers.response),
        respond=Respond(respond.status, respond.deprecated, respond.sunset, respond.see) if respond else Respond(),
        upgrades=tuple(written.upgrades),
        body_bytes=written.limits.body,
        fallback=_fallback(written.fallback) if written.fallback else None,
        rate_limit=_rate_limit(written.rate_limit) if written.rate_limit else None,
        aggregate=tuple(
            AggregatePart(name, part.upstream, part.get, part.required, part.timeout, part.default)
            for name, part in (written.aggregate or {}).items()
        ),
        shadow=assemble_shadow(written.shadow, written.stage),
        compare=assemble_compare(
            {("defaults", "compare"): defaults.compare, ("routes", index, "compare"): written.compare}, document
        ),
        moving=assemble_moving(written, defaults),
        group=written.group,
        owner=written.owner,
        place=document.place(("routes", index)),
    )


def _fallback(written: FallbackSection) -> Fallback:
    return Fallback(merge(written.on), tuple(dict.fromkeys(written.methods)), written.budget)


def _rate_limit(written: RateLimitSection) -> RateLimit:
    burst = default_burst(written.rate) if written.burst is None else written.burst
    return RateLimit(written.rate, burst, written.key)


def _match(written: MatchSection, place: Place, is_of_an_aggregate: bool) -> RouteMatch:
    return RouteMatch(
        path=written.path,
        host=written.host,
        methods=tuple(dict.fromkeys(written.methods)) or (("GET",) if is_of_an_aggregate else ()),
        headers=_values(written.headers),
        query=_values(written.query),
        cookies=_values(written.cookies),
        place=place,
    )


def _values(written: Mapping[str, ValueSection]) -> tuple[ValuePredicate, ...]:
    return tuple(ValuePredicate(name, value.exact, value.regex, value.present) for name, value in written.items())


def _edits(written: HeaderEditsSection) -> HeaderEdits:
    return HeaderEdits(tuple(written.set.items()), tuple(written.add.items()), tuple(written.remove))
