from django import forms
from django.contrib import admin, messages

from legacy_monolith.sync.owned_admin import OwnedAdmin

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


class AdjustForm(forms.ModelForm):
    """Changes the count by a difference: to set it would undo what is sold while the page is open."""

    difference = forms.IntegerField(
        label="Add or take away", help_text="For example 24 after a delivery, or -1 for a broken piece."
    )

    class Meta:
        model = StockLevel
        fields = ()

    def clean_difference(self) -> int:
        difference = self.cleaned_data["difference"]
        if self.instance.available + difference < 0:
            raise forms.ValidationError(f"Only {self.instance.available} are not promised to anybody.")
        return difference


@admin.register(StockLevel)
class StockLevelAdmin(OwnedAdmin):
    entities = ("stock",)
    form = AdjustForm
    list_display = ("product", "on_hand", "reserved", "available", "updated_at")
    list_filter = (Scarcity, "product__category")
    list_select_related = ("product",)
    search_fields = ("product__sku", "product__name")
    fields = ("product", "on_hand", "reserved", "difference", "updated_at")
    readonly_fields = ("product", "on_hand", "reserved", "updated_at")
    ordering = ("product__sku",)

    def get_fields(self, request, obj=None) -> tuple[str, ...]:
        if self.has_change_permission(request, obj):
            return self.fields
        return self.readonly_fields

    def save_model(self, request, obj: StockLevel, form: AdjustForm, change: bool) -> None:
        if not services.adjust(product=obj.product, difference=form.cleaned_data["difference"]):
            self.message_user(request, "Some were promised in the meantime. Nothing was changed.", messages.ERROR)

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
class ReservationAdmin(OwnedAdmin):
    entities = ("stock",)
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
