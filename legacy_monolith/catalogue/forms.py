from django import forms

from .images import validate_picture


class PictureForm(forms.Form):
    image = forms.FileField(
        label="Picture",
        help_text="PNG, JPEG or WebP, at most 2 MiB.",
        validators=[validate_picture],
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
