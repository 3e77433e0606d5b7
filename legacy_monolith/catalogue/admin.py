from django import forms
from django.contrib import admin
from django.utils.html import format_html

from legacy_monolith.stock.models import StockLevel
from legacy_monolith.sync.owned_admin import OwnedAdmin

from . import services
from .models import Category, Product, Tag


@admin.register(Category)
class CategoryAdmin(OwnedAdmin):
    entities = ("product",)
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 - Django's own way of declaring options

    def save_model(self, request, obj: Category, form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.announce_all(products=obj.products.all())


@admin.register(Tag)
class TagAdmin(OwnedAdmin):
    """A tag is part of its products; a list of tags cannot be deleted at once."""

    entities = ("product",)
    search_fields = ("slug",)

    def get_actions(self, request) -> dict:
        return {}

    def save_model(self, request, obj: Tag, form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.announce_all(products=obj.products.all())

    def delete_model(self, request, obj: Tag) -> None:
        services.remove_tag(tag=obj)


class ProductForm(forms.ModelForm):
    """The upload goes through `services.replace_picture`, like the one of the staff page."""

    class Meta:
        model = Product
        fields = ("sku", "name", "description", "category", "tags", "price", "image", "is_for_sale")

    def save(self, commit: bool = True) -> Product:
        upload = self.cleaned_data.get("image") if "image" in self.changed_data else None
        if upload:
            self.instance.image = self.initial.get("image") or ""
            self.new_picture = upload
        return super().save(commit)


class StockInline(admin.TabularInline):
    """To look at; it is changed on its own page."""

    model = StockLevel
    fields = ("on_hand", "reserved", "available", "updated_at")
    readonly_fields = fields
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request, obj=None) -> bool:
        return False  # every product has its stock level from its first moment


@admin.register(Product)
class ProductAdmin(OwnedAdmin):
    """A product is taken off sale, never deleted: its stock and whatever was promised of it go on."""

    entities = ("product",)
    form = ProductForm
    list_display = ("sku", "name", "category", "price", "in_stock", "is_for_sale", "updated_at")
    list_filter = ("is_for_sale", "category", "tags")
    list_select_related = ("category", "stock")
    list_editable = ("is_for_sale",)
    search_fields = ("sku", "name")
    autocomplete_fields = ("tags",)
    readonly_fields = ("picture", "created_at", "updated_at")
    inlines = (StockInline,)

    @admin.display(description="in stock", ordering="stock__on_hand")
    def in_stock(self, product: Product) -> int:
        return product.stock.available

    @admin.display(description="present picture")
    def picture(self, product: Product) -> str:
        return format_html('<img src="{}" alt="" width="160">', product.image.url) if product.image else "none"

    def save_model(self, request, obj: Product, form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        upload = getattr(form, "new_picture", None)
        if upload:
            services.replace_picture(product=obj, upload=upload)

    def save_related(self, request, form, formsets, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        services.announce(product=form.instance)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
