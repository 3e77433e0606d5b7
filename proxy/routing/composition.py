"""What each part of a composed answer is asked for: the target of its request, filled from the client's.

Whatever a client sends stays where its place is: a segment of the path stays one segment, a value of the query one
value. A parameter whose only content is a place the client left open is left out.
"""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from proxy.config.template import PLACE
from proxy.routing.pattern import Path

Fill = Callable[[str, str], str]
"""The client's path in normal form, and its query without `?` -> the target that the part is asked for."""

Piece = str | tuple[bool, str]
"""Literal text, or a place: whether the query fills it, and its name."""


def compile_target(template: str, path: Path) -> Fill:
    """Raises ValueError where `path`, the route's own pattern, has no segment of a name that the template uses."""
    positions = dict(path.names)
    before, _, query = template.partition("?")
    segments = _pieces(before)
    parameters = [(key, equals, _pieces(value)) for key, equals, value in (p.partition("=") for p in query.split("&"))]
    for piece in [*segments, *(piece for _, _, value in parameters for piece in value)]:
        if isinstance(piece, tuple) and not piece[0] and piece[1] not in positions:
            raise ValueError(f"a part asks for {{{piece[1]}}}, which {path.text} does not have")

    def fill(sent: str, sent_query: str) -> str:
        parts = sent.split("/", len(path.segments) + 1)
        taken = {name: parts[position] for name, position in positions.items()}
        asked = _first_values(sent_query) if "{query." in query else {}
        target = "".join(piece if isinstance(piece, str) else taken[piece[1]] for piece in segments)
        filled = [
            key + equals + text
            for key, equals, value in parameters
            if (text := _fill_value(value, taken, asked)) is not None
        ]
        return target + ("?" + "&".join(filled) if query and filled else "")

    return fill


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for place in PLACE.finditer(text):
        pieces += [text[end : place.start()], (place[1] is not None, place[2])]
        end = place.end()
    return [piece for piece in (*pieces, text[end:]) if piece]


def _first_values(query: str) -> dict[str, str]:
    """Each parameter's first value, as bytes in Latin-1, so that what is not UTF-8 survives."""
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return dict(reversed(pairs))


def _fill_value(pieces: Sequence[Piece], taken: dict[str, str], asked: dict[str, str]) -> str | None:
    """None for a value that is nothing but a place of the query, and that the client did not send."""
    filled = []
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(piece)
        elif not piece[0]:
            filled.append(quote(unquote_to_bytes(taken[piece[1]].encode("latin-1")), safe=""))
        elif (value := asked.get(piece[1])) is not None:
            filled.append(quote(value.encode("latin-1"), safe=""))
        elif len(pieces) == 1:
            return None
    return "".join(filled)
