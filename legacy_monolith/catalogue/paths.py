"""SKUs in the paths of pages: whatever is not written like one is no page."""


class SkuConverter:
    regex = r"[A-Z0-9]+(?:-[A-Z0-9]+)*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
