from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from legacy_monolith.cart import services as cart
from legacy_monolith.payments.selectors import payments_of_order
from legacy_monolith.stock.selectors import scarcest
from legacy_monolith.stock.services import InsufficientStock
from legacy_monolith.sync import ownership
from legacy_monolith.sync.ownership import NotOwner
from legacy_monolith.sync.writing import writing

from . import export, remote, selectors, services, stream
from .forms import CheckoutForm
from .models import Order

PAGE_SIZE = 20
AWAY = "We cannot reach our order desk right now. Please try again in a moment: nothing is done twice."


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    contents = cart.read(request.session)
    if not contents.lines:
        messages.info(request, "Your cart is empty.")
        return redirect("cart:show")
    form = CheckoutForm(request.POST or None, initial={"name": request.user.get_full_name()})
    if request.method != "POST" or not form.is_valid():
        return _checkout_page(request, form, contents)
    try:
        order = _place(request, form)
    except NotOwner:
        return _place_elsewhere(request, form, contents)
    except InsufficientStock as short:
        for sku, available in sorted(short.available.items()):
            messages.error(request, f"Only {available} of {sku} are left.")
        return redirect("cart:show")
    if order is None:  # the same form was sent twice, and the other one was faster
        return redirect("orders:history")
    if order.status == Order.Status.CANCELLED:
        return _declined(request, form, contents)
    return redirect(order)


@writing()
def _place(request: HttpRequest, form: CheckoutForm) -> Order | None:
    """Order, payment, stock and the emptied cart, in one transaction; None if the cart was emptied before."""
    contents = cart.lock(request.session)
    if not contents.lines:
        return None
    order = services.place_order(
        customer=request.user,
        quantities={line.product: line.quantity for line in contents.lines},
        address=form.address(),
        card_number=form.cleaned_data["card_number"],
    )
    if order.status != Order.Status.CANCELLED:
        cart.empty(request.session)
    return order


def _place_elsewhere(request: HttpRequest, form: CheckoutForm, contents: cart.Cart) -> HttpResponse:
    """The same, where the orders service writes orders. Not in a transaction: nobody waits for another's network."""
    try:
        answer = remote.place_order(
            request.user,
            key=form.key(),
            quantities={line.product.sku: line.quantity for line in contents.lines},
            address=form.address(),
            card_number=form.cleaned_data["card_number"],
        )
    except remote.Away:
        form.add_error(None, AWAY)
        return _checkout_page(request, form, contents, status=503)
    match answer:
        case remote.Placed(order_id):
            cart.empty(request.session)
            return redirect("orders:detail", order_id)
        case remote.Declined():
            return _declined(request, form, contents)
        case remote.Refused(reasons):
            for reason in reasons:
                messages.error(request, reason)
            return redirect("cart:show")


def _declined(request: HttpRequest, form: CheckoutForm, contents: cart.Cart) -> HttpResponse:
    form.begin_anew()
    form.add_error("card_number", "Your card was declined. Nothing was charged.")
    return _checkout_page(request, form, contents, status=402)


def _checkout_page(request: HttpRequest, form: CheckoutForm, contents: cart.Cart, status: int = 200) -> HttpResponse:
    return render(request, "orders/checkout.html", {"form": form, "cart": contents}, status=status)


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    page = Paginator(selectors.orders_of(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "orders/history.html", {"page": page, "link": "?"})


@login_required
@require_safe
def detail(request: HttpRequest, order_id: UUID) -> HttpResponse:
    order = selectors.find_own(request.user, order_id)
    if order is None:
        return _detail_elsewhere(request, order_id)
    context = {
        "order": order,
        "lines": order.lines.select_related("product"),
        "changes": order.changes.all(),
        "payments": payments_of_order(order.public_id),
    }
    return render(request, "orders/detail.html", context)


def _detail_elsewhere(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """An order that the orders service has just placed takes a moment to be told of here."""
    if not ownership.find_foreign("order"):
        raise Http404("no such order")
    try:
        order = remote.find_order(request.user, order_id)
    except remote.Away:
        return render(request, "orders/away.html", status=503)
    if order is None:
        raise Http404("no such order")
    return render(request, "orders/arriving.html", {"order": order, "number": Order(public_id=order_id).number})


@login_required
@require_POST
def cancel(request: HttpRequest, order_id: UUID) -> HttpResponse:
    order = _find(request, order_id)
    try:
        services.cancel_order(order=order)
        messages.success(request, f"Order {order.number} is cancelled, and your money is on its way back.")
    except NotOwner:
        _cancel_elsewhere(request, order)
    except services.NotPossibleError as refusal:
        messages.error(request, f"Order {order.number} is {refusal.status} and cannot be cancelled any more.")
    return redirect(order)


def _cancel_elsewhere(request: HttpRequest, order: Order) -> None:
    try:
        refusal = remote.cancel_order(request.user, order.public_id)
    except remote.Away:
        messages.error(request, AWAY)
        return
    if refusal:
        messages.error(request, f"{refusal}.")
    else:
        messages.success(request, f"Order {order.number} is cancelled; it may take a moment until this page says so.")


@require_GET
async def events(request: HttpRequest, order_id: UUID) -> HttpResponse:
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse("Log in first.\n", status=401, content_type="text/plain")
    order = await sync_to_async(selectors.find_own)(user, order_id)
    if order is None:
        return HttpResponse("There is no such order.\n", status=404, content_type="text/plain")
    last_seen = stream.last_event_id(request.headers.get("Last-Event-ID"))
    if order.is_final and not await sync_to_async(selectors.changes_after)(order, last_seen):
        return HttpResponse(status=204)  # tells the browser not to come back
    return StreamingHttpResponse(
        stream.follow(order, last_seen),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@staff_member_required(login_url="accounts:login")
@require_safe
def staff_home(request: HttpRequest) -> HttpResponse:
    context = {"counts": selectors.counts_by_status(), "scarcest": scarcest(12)}
    return render(request, "orders/staff_home.html", context)


@staff_member_required(login_url="accounts:login")
@require_GET
def export_csv(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status") or None
    if status is not None and status not in Order.Status:
        raise Http404("no such status")
    return StreamingHttpResponse(
        export.csv_chunks(partial(selectors.export_page, status)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "no-store"},
    )


def _find(request: HttpRequest, order_id: UUID) -> Order:
    order = selectors.find_own(request.user, order_id)
    if order is None:
        raise Http404("no such order")
    return order
