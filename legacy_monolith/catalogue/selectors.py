"""What customers may see of the catalogue: products that are for sale."""

from django.db.models import QuerySet

from .models import Category, Product


def products_for_sale() -> QuerySet[Product]:
    return Product.objects.filter(is_for_sale=True).select_related("category").prefetch_related("tags")


def search(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    """Those whose name or SKU contains every word of the text, after case folding."""
    for word in text.casefold().split():
        products = products.filter(search_text__contains=word)
    return products


def in_category(products: QuerySet[Product], slug: str) -> QuerySet[Product]:
    return products.filter(category__slug=slug)


def categories() -> QuerySet[Category]:
    return Category.objects.filter(products__is_for_sale=True).distinct()


def newest(count: int) -> QuerySet[Product]:
    return products_for_sale().order_by("-created_at", "sku")[:count]
