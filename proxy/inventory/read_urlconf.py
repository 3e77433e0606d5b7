"""Prints a Django project's URLconf as JSON. It is no part of the proxy: `urlconf` gives its text to the monolith's own
interpreter, and nothing imports it. It needs Django and nothing else, and runs on whatever Python the monolith does.

Patterns come in the order in which Django asks them. What cannot be said as a template (some regexes) becomes the
nearest prefix, and methods that cannot be known are null. It never calls a view and never touches a database.
"""

# mypy: ignore-errors
# Without types, because it must also run where the monolith's Python is an old one.

import importlib
import json
import os
import re
import sys

MARK = "strangler-urlconf:"
METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])


class Failed(Exception):
    """Why there is no URLconf to read, in one line."""


def read(settings_name):
    """Everything, JSON-able. Raises Failed."""
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_name
    try:
        import django
        from django.conf import settings
        from django.urls import get_resolver
    except ImportError as error:
        raise Failed(f"django cannot be imported by {sys.executable}: {_said(error)}") from None
    try:
        importlib.import_module(settings_name)
        django.setup()
    except BaseException as error:  # whatever a project does when it is imported, sys.exit included
        raise Failed(f"settings {settings_name} cannot be used: {_said(error)}") from None
    if not getattr(settings, "ROOT_URLCONF", None):
        raise Failed(f"settings {settings_name} name no ROOT_URLCONF")
    try:
        patterns = list(_walk(get_resolver(), "", (), None))
    except BaseException as error:
        raise Failed(f"URLconf {settings.ROOT_URLCONF} cannot be read: {_said(error)}") from None
    return {
        "django": django.get_version(),
        "settings": settings_name,
        "urlconf": str(settings.ROOT_URLCONF),
        "patterns": patterns,
    }


def _said(error):
    text = " ".join(str(error).split())
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:300]


def _walk(resolver, before, namespaces, admin):
    for entry in resolver.url_patterns:
        written = before + _template(entry.pattern)
        if not hasattr(entry, "url_patterns"):
            yield _describe(entry, written, namespaces)
            continue
        inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
        if entry.app_name == "admin":  # hundreds of patterns, and all of them one thing to whoever moves routes
            name = ":".join([*inner, "index"])
            yield _row(_tidy(written + "{rest:path}"), "django.contrib.admin", name, "admin", None, admin=True)
        else:
            yield from _walk(entry, written, inner, admin)


def _describe(entry, written, namespaces):
    view = entry.callback
    inner = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    module = getattr(inner, "__module__", "") or ""
    view_name = ".".join(filter(None, [module, getattr(inner, "__qualname__", type(inner).__name__)]))
    name = ":".join([*namespaces, entry.name]) if entry.name else None
    return _row(_tidy(written), view_name, name, _app(module, namespaces), _methods(view), admin=False)


def _row(template, view, name, app, methods, admin):
    return {"template": template, "view": view, "name": name, "app": app, "methods": methods, "admin": admin}


def _app(module, namespaces):
    """The label of the installed app that a view belongs to; else the namespace, or the module's package."""
    from django.apps import apps

    found = [each for each in apps.get_app_configs() if module == each.name or module.startswith(each.name + ".")]
    if found:
        return max(found, key=lambda each: len(each.name)).label
    return namespaces[0] if namespaces else module.rpartition(".")[0].rpartition(".")[2] or module


def _template(pattern):
    """`{name}` for a segment that varies, `{name:path}` for what may hold slashes; not yet tidied."""
    if hasattr(pattern, "_route"):
        return re.sub(r"<(?:([^>:]+):)?([^>]+)>", _converted, str(pattern._route))
    if hasattr(pattern, "_regex"):
        return _from_regex(str(pattern._regex))
    return "{language}/"  # i18n_patterns


def _converted(match):
    converter, name = match.groups()
    return _variable(name, converter == "path")


def _variable(name, spans):
    return "{" + name + (":path}" if spans else "}")


def _from_regex(regex):
    """The literal parts of a regex, and a variable for everything else."""
    try:
        from re import _parser as parser
    except ImportError:  # before Python 3.11
        import sre_parse as parser
    tree = parser.parse(regex)
    text = "".join(_piece(op, value, tree.state.groupdict) for op, value in tree)
    return text if regex.endswith(("$", r"\Z")) else text + "{rest:path}"


def _piece(op, value, names):
    kind = str(op)
    if kind == "LITERAL":
        return chr(value)
    if kind == "AT":
        return ""
    if kind in ("MAX_REPEAT", "MIN_REPEAT") and [str(op) for op, _ in value[2]] == ["LITERAL"] and value[1] == 1:
        return chr(value[2][0][1])  # an optional slash, mostly: the form with it is Django's canonical one
    if kind == "SUBPATTERN":
        number, _, _, inner = value
        if number is None:
            return "".join(_piece(op, value, names) for op, value in inner)
        name = next((name for name, index in names.items() if index == number), f"value{number}")
        return _variable(name, _spans(inner))
    return _variable("value", _spans([(op, value)]))


def _spans(tree):
    """Whether a part of a regex may match a slash."""
    for op, value in tree:
        kind = str(op)
        if kind in ("ANY", "NOT_LITERAL") or (kind == "LITERAL" and value == ord("/")):
            return True
        if kind == "IN" and _includes_slash(value):
            return True
        if kind in ("MAX_REPEAT", "MIN_REPEAT") and _spans(value[2]):
            return True
        if kind == "SUBPATTERN" and _spans(value[3]):
            return True
        if kind == "BRANCH" and any(_spans(branch) for branch in value[1]):
            return True
    return False


def _includes_slash(members):
    negated = str(members[0][0]) == "NEGATE"
    for op, value in members:
        kind = str(op)
        hit = (kind == "LITERAL" and value == ord("/")) or (kind == "RANGE" and value[0] <= ord("/") <= value[1])
        if hit or (kind == "CATEGORY" and str(value).startswith("CATEGORY_NOT_")):
            return not negated
    return negated


def _tidy(written):
    """A template as routes.yaml writes it: a variable is a whole segment, and what may hold slashes ends it as `**`."""
    before, wide, _ = re.sub(r"\{[^{}]*:path\}", "\0", written).partition("\0")
    segments = ("/" + before.lstrip("/")).split("/")[1:]
    if wide:
        segments[-1] = "**"
    return "/" + "/".join(map(_whole, segments))


def _whole(segment):
    found = re.search(r"\{([^{}]+)\}", segment)
    return _variable(re.sub(r"\W", "_", found.group(1)), spans=False) if found else segment


def _methods(view):
    """The methods a view takes, sorted; None where only a call would tell."""
    actions = getattr(view, "actions", None)  # a viewset of Django REST framework
    if isinstance(actions, dict):
        return sorted(method.upper() for method in actions if method.upper() in METHODS)
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if cls is not None and hasattr(cls, "http_method_names"):
        return sorted(
            method.upper() for method in cls.http_method_names if hasattr(cls, method) and method != "options"
        )
    found = None
    while view is not None:  # decorators, the outermost first: each may only take methods away
        for closed in _closed_over(view):
            found = closed if found is None else found & closed
        view = getattr(view, "__wrapped__", None)
    return None if found is None else sorted(found - {"OPTIONS"})


def _closed_over(view):
    """Collections of methods that a function keeps: `require_http_methods` does, and tables of handlers by method."""
    for cell in getattr(view, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        is_collection = isinstance(value, (list, tuple, set, frozenset, dict)) and value
        if is_collection and all(isinstance(each, str) and each in METHODS for each in value):
            yield frozenset(value)


def main(settings_name):
    try:
        found = read(settings_name)
    except Failed as error:
        found = {"error": str(error)}
    sys.stdout.write("\n" + MARK + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
