from django.contrib import admin, messages

from legacy_monolith.sync.owned_admin import OwnedAdmin

from . import services
from .models import Payment


@admin.register(Payment)
class PaymentAdmin(OwnedAdmin):
    entities = ("payment",)
    list_display = ("created_at", "amount", "status", "card_last4", "customer", "order_id")
    list_filter = ("status",)
    list_select_related = ("customer",)
    search_fields = ("public_id", "order_id", "customer__username")
    date_hierarchy = "created_at"
    readonly_fields = (
        "public_id",
        "order_id",
        "customer",
        "status",
        "amount",
        "card_last4",
        "created_at",
        "updated_at",
    )
    actions = ("refund",)

    @admin.action(description="Refund the selected payments", permissions=["change"])
    def refund(self, request, queryset) -> None:
        for payment in queryset:
            try:
                services.refund(payment=payment)
            except services.NothingToRefundError:
                self.message_user(request, f"{payment.public_id} was declined.", messages.WARNING)

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
