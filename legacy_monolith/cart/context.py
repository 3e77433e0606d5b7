from django.http import HttpRequest

from .services import count


def cart_count(request: HttpRequest) -> dict[str, int]:
    """The number beside the cart on every page."""
    return {"cart_count": count(request.session)}
