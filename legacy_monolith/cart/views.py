from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from legacy_monolith.catalogue.selectors import products_for_sale
from legacy_monolith.stock.selectors import available_by_sku

from . import services
from .forms import AddForm, QuantityForm


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    cart = services.read(request.session)
    available = available_by_sku([line.product.sku for line in cart.lines])
    rows = [(line, available.get(line.product.sku, 0)) for line in cart.lines]
    return render(request, "cart/cart.html", {"cart": cart, "rows": rows})


@require_POST
def add(request: HttpRequest, sku: str) -> HttpResponse:
    product = get_object_or_404(products_for_sale(), sku=sku)
    form = AddForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Choose from 1 to {services.MOST} pieces.")
        return redirect(product)
    services.add(request.session, product, form.cleaned_data["quantity"])
    messages.success(request, f"{product.name} is in your cart.")
    return redirect("cart:show")


@require_POST
def update(request: HttpRequest, sku: str) -> HttpResponse:
    product = get_object_or_404(products_for_sale(), sku=sku)
    form = QuantityForm(request.POST)
    if form.is_valid():
        services.put(request.session, product, form.cleaned_data["quantity"])
    else:
        messages.error(request, f"Choose from 0 to {services.MOST} pieces.")
    return redirect("cart:show")
