from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from legacy_monolith.stock.selectors import available

from . import selectors, services
from .forms import PictureForm
from .models import Product

PAGE_SIZE = 24
MAX_QUERY = 100


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {"categories": selectors.categories(), "products": selectors.newest(8)}
    return render(request, "catalogue/home.html", context)


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_QUERY]
    slug = request.GET.get("category", "").replace("\x00", "")
    products = selectors.search(selectors.products_for_sale(), query)
    if slug:
        products = selectors.in_category(products, slug)
    # get_page shows the nearest page for a number that is none, as a shop should.
    found = Paginator(products.order_by("name", "sku"), PAGE_SIZE).get_page(request.GET.get("page"))
    chosen = {name: value for name, value in (("q", query), ("category", slug)) if value}
    context = {
        "page": found,
        "query": query,
        "categories": selectors.categories(),
        "chosen_category": slug,
        "link": f"?{urlencode(chosen)}&" if chosen else "?",
    }
    return render(request, "catalogue/product_list.html", context)


@require_safe
def product_detail(request: HttpRequest, sku: str) -> HttpResponse:
    product = get_object_or_404(selectors.products_for_sale(), sku=sku)
    return render(request, "catalogue/product_detail.html", {"product": product, "available": available(product)})


@staff_member_required(login_url="accounts:login")
@require_http_methods(["GET", "HEAD", "POST"])
def product_picture(request: HttpRequest, sku: str) -> HttpResponse:
    product = get_object_or_404(Product, sku=sku)
    form = PictureForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        services.replace_picture(product=product, upload=form.cleaned_data["image"])
        messages.success(request, f"{product.name} has a new picture.")
        return redirect(product)
    return render(request, "catalogue/product_picture.html", {"product": product, "form": form})
