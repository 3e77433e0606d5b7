from collections.abc import Callable

from django import forms
from django.contrib import admin, messages

from legacy_monolith.sync.owned_admin import OwnedAdmin

from . import services
from .models import Order, OrderLine, StatusChange


class ReadOnlyInline(admin.TabularInline):
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = ("sku", "name", "quantity", "unit_price", "total")
    readonly_fields = ("total",)


class StatusChangeInline(ReadOnlyInline):
    model = StatusChange
    fields = ("status", "at")


class AddressForm(forms.ModelForm):
    """The address may be corrected; everything else follows from what happened."""

    class Meta:
        model = Order
        fields = ("ship_to", "street", "postcode", "city", "country")

    def address(self) -> services.Address:
        written = self.cleaned_data
        return services.Address(
            name=written["ship_to"],
            street=written["street"],
            postcode=written["postcode"],
            city=written["city"],
            country=written["country"],
        )


@admin.register(Order)
class OrderAdmin(OwnedAdmin):
    entities = ("order", "payment", "stock")
    list_display = ("number", "created_at", "customer", "status", "total", "city", "country")
    list_filter = ("status", "reason", "country")
    list_select_related = ("customer",)
    search_fields = ("public_id", "customer__username", "customer__email", "ship_to", "lines__sku")
    date_hierarchy = "created_at"
    form = AddressForm
    readonly_fields = ("public_id", "customer", "status", "reason", "total", "created_at", "updated_at")
    inlines = (OrderLineInline, StatusChangeInline)
    actions = ("ship", "deliver", "cancel")

    @admin.action(description="Mark as shipped", permissions=["change"])
    def ship(self, request, queryset) -> None:
        self._each(request, queryset, services.ship_order)

    @admin.action(description="Mark as delivered", permissions=["change"])
    def deliver(self, request, queryset) -> None:
        self._each(request, queryset, services.deliver_order)

    @admin.action(description="Cancel, with refund", permissions=["change"])
    def cancel(self, request, queryset) -> None:
        self._each(request, queryset, services.cancel_order)

    def _each(self, request, queryset, act: Callable[..., Order]) -> None:
        done = 0
        for order in queryset:
            try:
                act(order=order)
                done += 1
            except services.NotPossibleError as refusal:
                self.message_user(request, f"{order} is {refusal.status}: left as it is.", messages.WARNING)
        self.message_user(request, f"{done} orders changed.")

    def save_model(self, request, obj: Order, form, change: bool) -> None:
        if form.changed_data:
            services.correct_address(order=obj, address=form.address())

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
