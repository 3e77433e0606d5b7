import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from legacy_monolith.catalogue import images

PATH = "/staff/products/MUG-0001/picture/"


def picture(form: str = "PNG", size: tuple[int, int] = (40, 30), **options) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#6b3a63").save(buffer, form, **options)
    return SimpleUploadedFile(f"../../evil name.{form.lower()}", buffer.getvalue())


@pytest.fixture
def staff(client, shop) -> Client:
    client.force_login(shop.admin)
    return client


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_an_uploaded_picture_is_shown_on_the_page_and_named_by_the_api(staff, shop, form):
    page = staff.post(PATH, {"image": picture(form)}, follow=True).content.decode()
    path = staff.get("/api/products/MUG-0001").json()["image"]
    assert path.startswith("/media/products/mug-0001-")
    assert path in page
    shown = staff.get(path)
    assert shown.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(shown.content)).size == (40, 30)


def test_a_new_picture_changes_the_products_date_and_address(staff, shop):
    staff.post(PATH, {"image": picture()})
    first = staff.get("/api/products/MUG-0001").json()
    staff.post(PATH, {"image": picture(size=(50, 50))})
    second = staff.get("/api/products/MUG-0001").json()
    assert first["image"] != second["image"]
    assert first["updated_at"] <= second["updated_at"]


def test_the_same_picture_again_keeps_its_address(staff, shop):
    paths = set()
    for _ in "12":
        staff.post(PATH, {"image": picture()})
        paths.add(staff.get("/api/products/MUG-0001").json()["image"])
    assert len(paths) == 1


def test_the_admin_takes_the_same_way(staff, shop):
    form = {
        "sku": "MUG-0001",
        "name": "Mug",
        "category": shop.mug.category.pk,
        "price": "9.00",
        "is_for_sale": "on",
        "image": picture("JPEG"),
        "stock-TOTAL_FORMS": 1,
        "stock-INITIAL_FORMS": 1,
        "stock-0-product": shop.mug.pk,
    }
    answer = staff.post(f"/admin/catalogue/product/{shop.mug.pk}/change/", form)
    assert answer.status_code == 302, answer.content.decode()
    assert staff.get("/api/products/MUG-0001").json()["image"].startswith("/media/products/mug-0001-")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"not a picture", "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (picture().read()[:60], "not a PNG"),
        (picture("GIF").read(), "not a PNG"),
        (picture(size=(images.MAX_SIDE + 1, 1)).read(), "more than 4000 pixels"),
        (b"\x89PNG" + bytes(images.MAX_BYTES), "larger than 2 MiB"),
    ],
)
def test_what_is_no_picture_of_ours_is_refused(staff, shop, content, complaint):
    answer = staff.post(PATH, {"image": SimpleUploadedFile("a.png", content)})
    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert staff.get("/api/products/MUG-0001").json()["image"] is None


def test_a_kept_picture_is_small_and_says_nothing_of_where_it_was_taken():
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}  # a GPS block
    exif[0x0112] = 6  # lying on its side
    kept = images.normalise(picture("JPEG", (2000, 1000), exif=exif), "mug")
    with Image.open(kept) as shown:
        assert shown.size == (500, 1000)
        assert not shown.getexif()
