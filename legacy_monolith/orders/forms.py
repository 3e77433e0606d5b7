from django import forms
from django.core.validators import RegexValidator

from legacy_monolith.identifiers import uuid7

from .services import Address

COUNTRIES = [
    ("AT", "Austria"),
    ("BE", "Belgium"),
    ("DE", "Germany"),
    ("DK", "Denmark"),
    ("ES", "Spain"),
    ("FI", "Finland"),
    ("FR", "France"),
    ("IE", "Ireland"),
    ("IT", "Italy"),
    ("NL", "Netherlands"),
    ("PT", "Portugal"),
    ("SE", "Sweden"),
]


class CheckoutForm(forms.Form):
    # Of the page at hand: however often it is sent, there is one order.
    attempt = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    street = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "street-address"}))
    postcode = forms.CharField(
        max_length=12,
        validators=[RegexValidator(r"^[A-Z0-9][A-Z0-9 -]*\Z", "Capital letters, digits, spaces and hyphens.")],
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "address-level2"}))
    country = forms.ChoiceField(choices=COUNTRIES, initial="DK")
    card_number = forms.CharField(
        max_length=23,
        # The number is not put back into the page when the form is shown again.
        widget=forms.PasswordInput(attrs={"autocomplete": "cc-number", "inputmode": "numeric"}),
        help_text="Any 12 to 19 digits; a number that ends in 0002 is declined.",
    )

    def clean_card_number(self) -> str:
        number = self.cleaned_data["card_number"].replace(" ", "").replace("-", "")
        if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
            raise forms.ValidationError("A card number has 12 to 19 digits.")
        return number

    def begin_anew(self) -> None:
        """The shop has answered what was sent; what is sent next is something else."""
        self.data = self.data.copy()
        self.data["attempt"] = str(uuid7())

    def key(self) -> str:
        return str(self.cleaned_data["attempt"] or uuid7())

    def address(self) -> Address:
        return Address(**{name: self.cleaned_data[name] for name in Address.__dataclass_fields__})
