"""Bearer tokens as the monolith issues them, for tests of one service alone: the test run's key pair, and its JWKS."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

_KEY = Ed25519PrivateKey.generate()
_PUBLIC: dict[str, Any] = OKPAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
KEY_ID = "of-this-test-run"
JWKS = json.dumps({"keys": [{**_PUBLIC, "kid": KEY_ID, "use": "sig", "alg": "EdDSA"}]})


def issue(subject: str, *roles: str) -> str:
    """A token of 15 minutes for a customer's id."""
    now = datetime.now(UTC)
    claims = {"iss": "shop", "sub": subject, "roles": roles, "iat": now, "exp": now + timedelta(minutes=15)}
    return jwt.encode({**claims, "jti": str(uuid4())}, _KEY, algorithm="EdDSA", headers={"kid": KEY_ID})
