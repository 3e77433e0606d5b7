from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from .models import User


@admin.register(User)
class ShopUserAdmin(UserAdmin):
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_active", "date_joined")
    readonly_fields = ("public_id",)
    fieldsets = (*UserAdmin.fieldsets, ("API", {"fields": ("public_id",)}))
