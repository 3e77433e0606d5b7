"""The tour's edit of a routes.yaml."""

import pytest

from proxy.demo.scene import at_stage

TEXT = """\
routes:
  - name: products
    to: inventory
    stage: legacy   # moves
  - name: stock
    stage: legacy
"""


@pytest.mark.parametrize("route", ["products", "stock"])
def test_an_edit_changes_one_line_of_that_route(route: str) -> None:
    lines = zip(TEXT.splitlines(), at_stage(TEXT, route, "cutover").splitlines(), strict=True)
    changed = [(number, new.strip()) for number, (old, new) in enumerate(lines) if old != new]
    assert changed == [({"products": 3, "stock": 5}[route], "stage: cutover")]
