"""The shop's own name on Django's admin."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class ShopAdminSite(AdminSite):
    site_header = "Fig & Fable back office"
    site_title = "Fig & Fable"
    index_title = "Back office"


class ShopAdminConfig(AdminConfig):
    default_site = "legacy_monolith.config.admin.ShopAdminSite"
