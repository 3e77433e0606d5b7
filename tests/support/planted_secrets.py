"""More than 50 places in which a secret may stand, each as an exchange; a test plants its own and looks for it."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from proxy.wire.exchange import Exchange, Fields
from tests.support.exchanges import a_request, an_answer, an_exchange

JSON: Fields = (("Content-Type", "application/json"),)
FORM: Fields = (("Content-Type", "application/x-www-form-urlencoded"),)
HTML: Fields = (("Content-Type", "text/html; charset=utf-8"),)
PARTS: Fields = (("Content-Type", "multipart/form-data; boundary=xyz"),)

Plant = Callable[[str], Exchange]


def sent(*fields: tuple[str, str]) -> Exchange:
    return an_exchange(a_request(fields=fields))


def form(body: str, fields: Fields = FORM) -> Exchange:
    return an_exchange(a_request("/login", "POST", fields, body.encode()))


def told(body: str | bytes, fields: Fields = JSON) -> Exchange:
    return an_exchange(answer=an_answer(body if isinstance(body, bytes) else body.encode(), fields=fields))


def part(name: str, content: str) -> str:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n--xyz--\r\n'


def jwt(secret: str) -> str:
    return f"eyJhbGciOiJFZERTQSJ9.{base64.urlsafe_b64encode(secret.encode()).decode().rstrip('=')}.{secret}"


PLANTS: list[Plant] = [
    lambda s: sent(("Authorization", f"Bearer {s}")),
    lambda s: sent(("Authorization", s)),
    lambda s: sent(("Authorization", f"Basic {packed(s).decode()}")),
    lambda s: sent(("Proxy-Authorization", f"Digest {s}")),
    lambda s: sent(("Cookie", f"theme={s}")),
    lambda s: sent(("Cookie", f"a=b; sessionid={s}; c=d")),
    lambda s: sent(("Cookie", s)),
    lambda s: sent(("X-Api-Key", s)),
    lambda s: sent(("X-CSRFToken", s)),
    lambda s: sent(("X-Auth-Token", s)),
    lambda s: sent(("Ocp-Apim-Subscription-Key", s)),
    lambda s: sent(("X-Vault-Token", s)),
    lambda s: sent(("Referer", f"https://shop.test/reset?token={s}")),
    lambda s: sent(("Referer", f"https://user:{s}@shop.test/")),
    lambda s: sent(("Referer", f"https://shop.test/#access_token={s}&x=1")),
    lambda s: sent(("X-Original-Url", f"/login?pass%77ord={s}")),
    lambda s: sent(("X-Debug", f"jwt {jwt(s)}")),
    lambda s: told(b"", (("Set-Cookie", f"sessionid={s}; Path=/; HttpOnly"),)),
    lambda s: told(b"", (("Location", f"/callback?code={s}&state=1"),)),
    lambda s: told(b"", (("Location", f"/login?next={quote(f'/x?session={s}', safe='')}"),)),
    lambda s: told(b"", (("Link", f'<https://shop.test/a?api_key={s}>; rel="next"'),)),
    lambda s: an_exchange(a_request(f"/api/me?access_token={s}")),
    lambda s: an_exchange(a_request(f"/api/me?a=1&jwt={s}&b=2")),
    lambda s: an_exchange(a_request(f"/api/{jwt(s)}/me")),
    lambda s: an_exchange(a_request(f"/api/me?filter={quote_plus(json.dumps({'password': s}))}")),
    lambda s: form(f"user=a&password={s}"),
    lambda s: form(f"csrfmiddlewaretoken={s}&user=a"),
    lambda s: form(f"card_number={s}&cvv=1"),
    lambda s: form(f"user%5Bpassword%5D={s}"),
    lambda s: form(f"password={s}", ()),
    lambda s: form(json.dumps({"credentials": {"name": "a", "value": s}}), JSON),
    lambda s: form(json.dumps({"password": s}), FORM),
    lambda s: form(part("password", s), PARTS),
    lambda s: form(part("note", f"my secret: {s}"), PARTS),
    lambda s: form(part("config", json.dumps({"apiKey": s})), PARTS),
    lambda s: told(json.dumps({"token": s})),
    lambda s: told(json.dumps({"a": [{"b": {"refreshToken": s}}]})),
    lambda s: told(json.dumps({"sessions": [s, s]})),
    lambda s: told(json.dumps({"payload": json.dumps({"secret": s})})),
    lambda s: told(json.dumps({"a": json.dumps({"b": json.dumps({"client_secret": s})})})),
    lambda s: told(json.dumps({"link": f"https://shop.test/r?token={s}"})),
    lambda s: told(json.dumps({"note": jwt(s)})),
    lambda s: told(json.dumps({"PASSWORD": s}), (("Content-Type", "image/png"),)),
    lambda s: told(json.dumps({"password": s}).replace("p", "\\u0070")),
    lambda s: told(json.dumps({"password": s})[:-2]),
    lambda s: told(gzip.compress(json.dumps({"token": s}).encode()), (*JSON, ("Content-Encoding", "gzip"))),
    lambda s: told(zlib.compress(f"password={s}".encode()), (*FORM, ("Content-Encoding", "deflate"))),
    lambda s: told(f"password={s}".encode(), (("Content-Encoding", "br"),)),
    lambda s: told(f'<input type="hidden" name="csrfmiddlewaretoken" value="{s}">', HTML),
    lambda s: told(f'<script>window.conf = {{"csrfToken": "{s}"}}</script>', HTML),
    lambda s: told(f"<user><password>{s}</password></user>", (("Content-Type", "application/xml"),)),
    lambda s: told(f'data: {{"otp": "{s}"}}\n\n', (("Content-Type", "text/event-stream"),)),
    lambda s: told(b"\x08\x01\x12\x0c" + s.encode(), (("Content-Type", "application/x-protobuf"),)),
    lambda s: told(f"-----BEGIN PRIVATE KEY-----\n{s}\n-----END PRIVATE KEY-----", (("Content-Type", "text/plain"),)),
    lambda s: told(f"[db]\nDB_PASSWORD={s}\n", (("Content-Type", "text/plain"),)),
    lambda s: told(f"<textarea name=token>{s}</textarea>", HTML),
    lambda s: told(f"<script>window['csrf_token'] = '{s}'</script>", HTML),
    lambda s: told(json.dumps([{"name": "password", "value": s}])),
    lambda s: told(json.dumps({"cookies": {"a": s}})),
    lambda s: form(part("password", s), ()),
    lambda s: form(part("password", s), (("Content-Type", "multipart/form-data"),)),
    lambda s: form(part("x", s).replace('name="x"', "name*=UTF-8''pass%77ord"), PARTS),
    lambda s: sent(("X-Remember-Me", s)),
    lambda s: an_exchange(a_request(f"/cart;jsessionid={s}")),
    lambda s: an_exchange(a_request(f"/a?next=%252Fb%253Ftoken%253D{s}")),
    lambda s: an_exchange(a_request(f"/acs?SAMLResponse={s}")),
]


def packed(secret: str) -> bytes:
    """How a secret stands in credentials of the basic scheme."""
    return base64.b64encode(f"user:{secret}".encode())
