from django import forms

from .services import MOST


class AddForm(forms.Form):
    quantity = forms.IntegerField(min_value=1, max_value=MOST, initial=1)


class QuantityForm(forms.Form):
    quantity = forms.IntegerField(min_value=0, max_value=MOST)
