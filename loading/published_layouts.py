"""Layouts that people publish, known by their columns, found without being named."""

from domain.errors import InvalidInputError
from domain.event_words import normalized
from loading.collection_layouts import COLLECTION_LAYOUTS
from loading.film_layouts import FILM_LAYOUTS
from loading.layouts import Content, Layout, fits
from loading.media_layouts import MEDIA_LAYOUTS
from loading.personal_layouts import PERSONAL_LAYOUTS
from loading.shop_layouts import SHOP_LAYOUTS
from loading.tables import Table

_SYSTEM_LAYOUTS = (
    Layout(
        "Tandem's events",
        Content.EVENTS,
        is_export=True,
        names=(
            "event_id",
            "user_id",
            "item_id",
            "kind",
            "value",
            "scale",
            "occurred_at",
            "recommendation_id",
        ),
        fields={
            "event_id": "event_id",
            "user_id": "user_id",
            "item_id": "item_id",
            "kind": "kind",
            "value": "value",
            "scale": "scale",
            "time": "occurred_at",
            "recommendation_id": "recommendation_id",
            "context": "context",
        },
    ),
    Layout(
        "Tandem's items",
        Content.ITEMS,
        is_export=True,
        names=("item_id", "title", "categories", "description", "attributes", "available"),
        fields={
            name: name
            for name in ("item_id", "title", "categories", "description", "attributes", "available")
        },
    ),
    Layout(
        "Tandem's recommendations",
        Content.NOTHING,
        names=("user_id", "rank", "item_id", "score", "run"),
    ),
    Layout("Gorse users", Content.NOTHING, names=("user_id", "labels", "subscribe")),
    Layout(
        "Gorse items",
        Content.ITEMS,
        names=("item_id", "is_hidden", "categories", "time_stamp", "labels"),
        fields={"item_id": "item_id", "title": "description", "categories": "categories"},
        attributes={"labels": "labels"},
    ),
)
"""Those of Tandem and of other recommenders."""

LAYOUTS = (
    *_SYSTEM_LAYOUTS,
    *FILM_LAYOUTS,
    *SHOP_LAYOUTS,
    *MEDIA_LAYOUTS,
    *PERSONAL_LAYOUTS,
    *COLLECTION_LAYOUTS,
)


def find_layout(table: Table, wanted: str | None) -> Layout | None:
    """The layout of a table, None if it is none that is known.

    Raises InvalidInputError if a layout is asked for that does not exist.
    """
    names = {normalized(column): column for column in table.columns}
    fitting = [layout for layout in LAYOUTS if fits(layout, table, names, strictly=wanted is None)]
    if wanted is None:
        # The layout that asks for the most columns says the most.
        return max(fitting, key=lambda layout: len(layout.names), default=None)
    chosen = [layout for layout in LAYOUTS if normalized(wanted) in normalized(layout.name)]
    if not chosen:
        known = ", ".join(dict.fromkeys(layout.name for layout in LAYOUTS))
        raise InvalidInputError(f"There is no layout {wanted}. Known are {known}.")
    return next((layout for layout in chosen if layout in fitting), None)
