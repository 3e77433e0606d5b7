from django.contrib import admin

from .models import KeptAnswer


@admin.register(KeptAnswer)
class KeptAnswerAdmin(admin.ModelAdmin):
    list_display = ("created_at", "customer", "path", "key", "status")
    list_filter = ("path", "status")
    search_fields = ("key", "customer__username")
    date_hierarchy = "created_at"

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
