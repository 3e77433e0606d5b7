from collections.abc import Callable

from django.contrib import admin, messages

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


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("number", "created_at", "customer", "status", "total", "city", "country")
    list_filter = ("status", "reason", "country")
    list_select_related = ("customer",)
    search_fields = ("public_id", "customer__username", "customer__email", "ship_to", "lines__sku")
    date_hierarchy = "created_at"
    # The address may be corrected; everything else follows from what happened.
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

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
