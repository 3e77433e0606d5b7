from django.urls import path

from . import views

app_name = "cart"
urlpatterns = [
    path("", views.show, name="show"),
    path("<sku:sku>/add/", views.add, name="add"),
    path("<sku:sku>/", views.update, name="update"),
]
