from django.contrib import admin

from .models import Conflict, Ownership


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Ownership)
class OwnershipAdmin(ReadOnlyAdmin):
    """It is moved by a handover, never by hand."""

    list_display = ("entity", "owner", "epoch")


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    list_display = ("at", "entity", "aggregate_id", "local_version", "event_version", "reason")
    list_filter = ("entity",)
    search_fields = ("aggregate_id", "event_id", "reason")
    date_hierarchy = "at"
    fields = ("at", "entity", "aggregate_id", "reason", "local_version", "event_version", "local", "event", "event_id")
