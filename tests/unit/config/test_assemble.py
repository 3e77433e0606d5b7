"""What was written becomes what serves, unchanged; what was left out is the model's default."""

from pathlib import Path

from proxy.config.model import Limits, Listen, ListenTls, Respond, Timeouts, UpstreamTls
from tests.support.routes_yaml import BASE, load, with_route


def test_what_is_left_out_is_the_models_default() -> None:
    found = load(with_route("name: r\nmatch: /a"))
    assert found.listen == Listen()
    assert found.listen.limits == Limits()
    assert found.upstreams["orders"].timeouts == Timeouts()
    assert found.upstreams["orders"].tls == UpstreamTls()
    (route,) = found.routes
    assert route.respond == Respond()
    assert (route.to, route.rewrite, route.body_bytes, route.group, route.owner) == (None, None, None, None, None)


def test_relative_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    for name in ("public.pem", "public.key"):
        (tmp_path / name).write_text("")
    text = BASE + "listen: { tls: { certificate: public.pem, key: public.key } }\nstate: kept\n"
    found = load(text, base_dir=tmp_path)
    assert found.listen.tls == ListenTls(str(tmp_path / "public.pem"), str(tmp_path / "public.key"))
    assert found.state_dir == str(tmp_path / "kept")


def test_a_method_that_is_written_twice_counts_once() -> None:
    (route,) = load(with_route("name: r\nmatch: { path: /a, methods: [GET, POST, GET] }")).routes
    assert route.matches[0].methods == ("GET", "POST")


def test_everything_knows_where_it_was_written() -> None:
    found = load(with_route("name: r\nmatch: /a"))
    (route,) = found.routes
    assert str(route.place) == "routes.yaml:7:5"
    assert str(route.matches[0].place) == "routes.yaml:8:12"
    assert str(found.upstreams["orders"].place) == "routes.yaml:4:3"
