from django.urls import path

from . import views

app_name = "orders"
urlpatterns = [
    path("checkout/", views.checkout, name="checkout"),
    path("orders/", views.history, name="history"),
    path("orders/<uuid:order_id>/", views.detail, name="detail"),
    path("orders/<uuid:order_id>/cancel/", views.cancel, name="cancel"),
    path("orders/<uuid:order_id>/events", views.events, name="events"),
    path("staff/", views.staff_home, name="staff"),
    path("staff/orders.csv", views.export_csv, name="export"),
]
