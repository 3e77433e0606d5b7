"""Which tokens are believed; what is said to the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extracted_services.chassis.tests.web.conftest import OWN_KEY, OWN_KEY_ID, KnownKeys
from extracted_services.chassis.web.identity import Caller, identify
from extracted_services.chassis.web.problems import Problem
from tests.support.tokens import issue

pytestmark = pytest.mark.anyio
SUBJECT = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"


def sign(*, key: Any = OWN_KEY, kid: str | None = OWN_KEY_ID, algorithm: str = "EdDSA", **changed: Any) -> str:
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": "shop",
        "sub": SUBJECT,
        "roles": ["customer"],
        "iat": now,
        "exp": now + timedelta(minutes=15),
        "jti": "1",
    }
    kept = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


async def refusal(authorization: str | None) -> Problem:
    with pytest.raises(Problem) as refused:
        await identify(authorization, KnownKeys())
    return refused.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_says_who_and_which_roles(scheme: str) -> None:
    token = issue(SUBJECT, "customer", "staff")

    assert await identify(f"{scheme} {token}", KnownKeys()) == Caller(SUBJECT, frozenset({"customer", "staff"}))


@pytest.mark.parametrize("authorization", [None, "", "Basic eDp5", "Token abc"])
async def test_without_a_token_one_is_asked_for(authorization: str | None) -> None:
    problem = await refusal(authorization)

    assert (problem.status, problem.detail) == (401, "Send a bearer token from POST /api/token")
    assert problem.headers == {"WWW-Authenticate": 'Bearer realm="shop"'}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        pytest.param(sign(key=Ed25519PrivateKey.generate()), id="signed by somebody else"),
        pytest.param(sign(kid="another"), id="of a key that is unknown"),
        pytest.param(sign(kid=None), id="of no key"),
        pytest.param(sign(key="x" * 32, algorithm="HS256"), id="of another algorithm"),
        pytest.param(sign(key=None, algorithm="none"), id="not signed"),
        pytest.param(sign(exp=datetime.now(UTC) - timedelta(minutes=1)), id="expired"),
        pytest.param(
            sign(iat=datetime.now(UTC) + timedelta(days=1), exp=datetime.now(UTC) + timedelta(days=2)),
            id="from the future",
        ),
        pytest.param(sign(iss="another"), id="of another issuer"),
        pytest.param(sign(exp=None), id="without an end"),
        pytest.param(sign(jti=None), id="without an id"),
        pytest.param(sign(roles=None), id="without roles"),
        pytest.param(sign(roles="customer"), id="roles that are no list"),
        pytest.param(sign(roles=[["customer"]]), id="roles that are no names"),
        pytest.param(sign(sub="alice"), id="a subject that is no id"),
        pytest.param(f"{sign()},Bearer {sign()}", id="two of them"),
    ],
)
async def test_a_token_that_is_not_believed_is_told_so(token: str) -> None:
    problem = await refusal(f"Bearer {token}")

    assert (problem.status, problem.detail) == (401, "The token is not valid or has expired")
    assert problem.headers == {"WWW-Authenticate": 'Bearer realm="shop", error="invalid_token"'}


async def test_a_token_of_a_clock_that_runs_a_little_ahead_is_believed() -> None:
    token = sign(iat=datetime.now(UTC) + timedelta(seconds=3))

    assert (await identify(f"Bearer {token}", KnownKeys())).subject == SUBJECT
