from django.contrib import admin

from . import services
from .models import Reservation, ReservationLine, StockLevel


class Scarcity(admin.SimpleListFilter):
    title = "availability"
    parameter_name = "availability"

    def lookups(self, request, model_admin):
        return [("none", "None on hand"), ("few", "Fewer than 10"), ("plenty", "10 or more")]

    def queryset(self, request, queryset):
        match self.value():
            case "none":
                return queryset.filter(on_hand=0)
            case "few":
                return queryset.filter(on_hand__lt=10)
            case "plenty":
                return queryset.filter(on_hand__gte=10)
        return queryset


@admin.register(StockLevel)
class StockLevelAdmin(admin.ModelAdmin):
    list_display = ("product", "on_hand", "reserved", "available", "updated_at")
    list_filter = (Scarcity, "product__category")
    list_select_related = ("product",)
    search_fields = ("product__sku", "product__name")
    readonly_fields = ("product", "reserved", "updated_at")
    ordering = ("product__sku",)

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReservationLineInline(admin.TabularInline):
    model = ReservationLine
    readonly_fields = ("product", "quantity")
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Reservation)
class ReservationAdmin(admin.ModelAdmin):
    list_display = ("public_id", "order_id", "customer", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("customer",)
    search_fields = ("public_id", "order_id", "customer__username")
    date_hierarchy = "created_at"
    readonly_fields = ("public_id", "order_id", "customer", "status", "created_at", "updated_at")
    inlines = (ReservationLineInline,)
    actions = ("release",)

    @admin.action(description="Release the goods of the selected reservations", permissions=["change"])
    def release(self, request, queryset) -> None:
        for reservation in queryset:
            services.release(reservation=reservation)
        self.message_user(request, f"{len(queryset)} reservations released.")

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
