from django.urls import path, register_converter

from . import views
from .paths import SkuConverter

register_converter(SkuConverter, "sku")

app_name = "catalogue"
urlpatterns = [
    path("", views.home, name="home"),
    path("products/", views.product_list, name="products"),
    path("products/<sku:sku>/", views.product_detail, name="product"),
    path("staff/products/<sku:sku>/picture/", views.product_picture, name="picture"),
]
