from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F
from django.urls import reverse

from legacy_monolith.dated import Versioned

from .images import validate_picture


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=50, unique=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('catalogue:products')}?category={self.slug}"


class Tag(models.Model):
    slug = models.SlugField(max_length=40, unique=True)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.slug


class Product(Versioned):
    sku = models.CharField(
        "SKU",
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]+(-[A-Z0-9]+)*\Z", "Capital letters, digits and single hyphens.")],
    )
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    image = models.ImageField(upload_to="products/", blank=True, validators=[validate_picture])
    is_for_sale = models.BooleanField("for sale", default=True, db_index=True)
    # Name and SKU after case folding: databases fold differently, or only ASCII, and a search must not depend on that.
    search_text = models.CharField(max_length=300, editable=False)

    class Meta:
        ordering = ("sku",)

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    def save(self, **kwargs) -> None:
        self.search_text = searchable(self.name, self.sku)
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "search_text"}
        is_new = self._state.adding
        if not is_new:
            self.version = F("version")  # a form's product was read without a lock, so the database counts
        super().save(**kwargs)
        if not is_new:
            self.refresh_from_db(fields=["version"])

    def get_absolute_url(self) -> str:
        return reverse("catalogue:product", args=[self.sku])


def searchable(name: str, sku: str) -> str:
    return f"{name}\n{sku}".casefold()
