"""Back office pages of what somebody else may be writing: then they are for reading, and say so."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import get_text_list

from . import ownership
from .ownership import NotOwner
from .writing import writing


class OwnedAdmin(admin.ModelAdmin):
    """`entities`: all that a change here writes."""

    entities: tuple[str, ...] = ()

    def has_add_permission(self, request) -> bool:
        return super().has_add_permission(request) and not self._elsewhere(request)

    def has_change_permission(self, request, obj=None) -> bool:
        return super().has_change_permission(request, obj) and not self._elsewhere(request)

    def has_delete_permission(self, request, obj=None) -> bool:
        return super().has_delete_permission(request, obj) and not self._elsewhere(request)

    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        return self._show(request, super().changelist_view, extra_context=self._context(request, extra_context))

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None) -> HttpResponse:
        context = self._context(request, extra_context)
        if request.method != "POST":
            return self._show(request, super().changeform_view, object_id, form_url, context)
        return self._show(request, writing()(super().changeform_view), object_id, form_url, context)

    def delete_view(self, request, object_id, extra_context=None) -> HttpResponse:
        return self._show(request, super().delete_view, object_id, extra_context)

    def _show(self, request: HttpRequest, view: Callable[..., HttpResponse], *args, **kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotOwner as refusal:  # it was moved while the page was open
            self.message_user(request, f"Nothing was changed: {refusal}.", messages.ERROR)
            return redirect(request.get_full_path())

    def _context(self, request: HttpRequest, context: dict | None) -> dict:
        return {**({"subtitle": self._elsewhere(request)} if self._elsewhere(request) else {}), **(context or {})}

    def _elsewhere(self, request: HttpRequest) -> str:
        """A sentence about what is written elsewhere; empty if nothing is. Asked for once in a request."""
        known = request.__dict__.setdefault("_written_elsewhere", {})
        if self.entities not in known:
            foreign = ownership.find_foreign(*self.entities)
            what = get_text_list([row.get_entity_display() for row in foreign], "and")
            known[self.entities] = f"To look at only, as services write {what} at the moment." if foreign else ""
        return known[self.entities]
