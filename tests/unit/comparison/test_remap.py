"""What a replay learns from answers, and puts into later requests."""

import json

from proxy.comparison.remap import Remap, unknown, unmarked
from proxy.wire.exchange import CapturedAnswer, CapturedRequest

JSON = ("Content-Type", "application/json")
GET = CapturedRequest("GET", "/", ())
POST = CapturedRequest("POST", "/orders", ())


def told(body: object = None, *fields: tuple[str, str], status: int = 200) -> CapturedAnswer:
    data = b"" if body is None else json.dumps(body).encode()
    return CapturedAnswer(status, (JSON, *fields), data, 0.01)


def page(text: str) -> CapturedAnswer:
    return CapturedAnswer(200, (("Content-Type", "text/html"),), text.encode(), 0.01)


def learnt(recorded: CapturedAnswer, live: CapturedAnswer, by: CapturedRequest = POST) -> Remap:
    remap = Remap()
    remap.learn(by, recorded, live)
    return remap


def asks(remap: Remap, target: str, *fields: tuple[str, str], body: bytes = b"") -> CapturedRequest:
    return remap.request(CapturedRequest("POST", target, fields, body))


def test_a_session_cookie_is_the_one_that_the_replay_was_given():
    remap = learnt(told(None, ("Set-Cookie", "sid=***1; Path=/")), told(None, ("Set-Cookie", "sid=live; Path=/")), GET)
    sent = asks(remap, "/", ("Cookie", "theme=dark; sid=***1"))
    assert sent.fields == (("Cookie", "theme=dark; sid=live"),)
    assert not unknown(sent)


def test_a_token_of_json_becomes_the_bearer_of_later_requests():
    remap = learnt(told({"access": {"token": "***4"}}), told({"access": {"token": "eyJ.live"}}))
    assert asks(remap, "/", ("Authorization", "Bearer ***4")).fields == (("Authorization", "Bearer eyJ.live"),)


def test_marks_within_a_text_are_learnt_by_what_stands_around_them():
    remap = learnt(told({"link": "/reset?token=***7&a=1"}), told({"link": "/reset?token=live&a=1"}), GET)
    assert asks(remap, "/reset?token=***7").target == "/reset?token=live"


def test_a_csrf_field_of_a_page_is_put_into_the_form_that_follows():
    form = '<form><input type="hidden" name="csrf" value="{}"></form>'
    remap = learnt(page(form.format("***2")), page(form.format("live+1")), GET)
    sent = asks(remap, "/login", ("Content-Type", "application/x-www-form-urlencoded"), body=b"user=a&csrf=***2")
    assert sent.body == b"user=a&csrf=live%2B1"


def test_the_id_of_what_was_created_is_replaced_in_paths_queries_and_bodies():
    remap = learnt(told({"id": 17, "total": 17}), told({"id": 99, "total": 17}))
    assert asks(remap, "/orders/17/items?order_id=17&count=17").target == "/orders/99/items?order_id=99&count=17"
    sent = asks(remap, "/pay", JSON, body=b'{"order_id": 17, "amount": 17.50, "count": 17}')
    assert sent.body == b'{"order_id": 99, "amount": 17.50, "count": 17}'


def test_an_id_of_text_is_replaced_wherever_it_stands_alone():
    remap = learnt(told({"id": "0190-a"}), told({"id": "0191-b"}))
    sent = asks(remap, "/orders/0190-a", JSON, body=b'{"order": "0190-a", "note": "about 0190-a"}')
    assert (sent.target, sent.body) == ("/orders/0191-b", b'{"order": "0191-b", "note": "about 0190-a"}')


def test_ids_that_a_read_answered_are_data_and_are_left_alone():
    remap = learnt(told([{"id": 1}]), told([{"id": 2}]), GET)
    assert asks(remap, "/items/1").target == "/items/1"


def test_a_location_teaches_the_id_in_its_path():
    remap = learnt(told(None, ("Location", "/orders/17")), told(None, ("Location", "http://b/orders/23")))
    assert asks(remap, "/orders/17").target == "/orders/23"


def test_a_mark_that_no_answer_gave_out_stays_and_is_told():
    sent = asks(Remap(), "/", ("Cookie", "sid=***9"))
    assert unknown(sent)
    assert unmarked(sent).fields == (("Cookie", "sid=***"),)


def test_what_may_be_kept_on_disk_has_no_secret_in_it():
    remap = learnt(told({"id": 17, "token": "***1"}), told({"id": 99, "token": "s3cret"}))
    assert remap.plain() == {"17": "99"}


def test_a_live_value_with_a_line_break_cannot_add_a_field():
    remap = Remap({"***1": "a\r\nX-Evil: 1"})
    assert asks(remap, "/", ("X-Token", "***1")).fields == (("X-Token", "aX-Evil: 1"),)


def test_bodies_that_are_no_text_and_answers_that_are_no_json_are_left_alone():
    remap = learnt(CapturedAnswer(200, (JSON,), b"{", 0.0), told({"id": 1}))
    assert asks(remap, "/", JSON, body=b"\xff\xfe").body == b"\xff\xfe"
