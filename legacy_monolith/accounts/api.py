from django.contrib.auth import authenticate
from django.http import HttpRequest

from legacy_monolith.api import fields, problems
from legacy_monolith.api.endpoint import Reply, endpoint, public

from . import tokens

CREDENTIALS = fields.record(username=fields.secret(most=150), password=fields.secret(most=128))


def create_token(request: HttpRequest) -> Reply:
    credentials = fields.read_body(request, CREDENTIALS)
    # Neither a NUL nor half a surrogate pair can be in a user name, and no database wants to be asked for one.
    if fields.UNPRINTABLE.search(credentials["username"] + credentials["password"]):
        raise problems.invalid_credentials()
    user = authenticate(request, **credentials)
    if user is None:
        raise problems.invalid_credentials()
    lifetime_s = int(tokens.LIFETIME.total_seconds())
    return Reply({"access_token": tokens.issue(user), "token_type": "Bearer", "expires_in": lifetime_s})


def get_jwks(request: HttpRequest) -> Reply:
    return Reply(tokens.jwks(), headers={"Cache-Control": "public, max-age=300"})


jwks = endpoint(GET=public(get_jwks))
