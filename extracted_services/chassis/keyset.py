"""Pages in SQL: the rows behind a key, one more than asked for, so that it can be told whether another page follows."""

from typing import Any

from sqlalchemy import ColumnElement, Select

from extracted_services.chassis.paging import Key, PageRequest


def behind(query: Select[Any], column: ColumnElement[str], key: Key, page: PageRequest) -> Select[Any]:
    """The query cut to what `chassis.paging.cut_page` makes one page of; `column` is ordered by code point."""
    if page.after:
        query = query.where(column < page.after if key.descending else column > page.after)
    return query.order_by(column.desc() if key.descending else column).limit(page.limit + 1)
