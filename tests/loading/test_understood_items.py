"""What small files of items, as people have them, are understood to hold, or refused for."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import InvalidInputError
from domain.identifiers import KindNo
from domain.interactions import EventKind
from loading.items import item_batches
from loading.opened import opened_files
from loading.options import LoadOptions
from loading.plans import ItemsPlan

ROWS = 10_000
"""Of a file whose embeddings as JSON take more memory than there is."""

KINDS = [EventKind(KindNo(1), "view", 1.0, True), EventKind(KindNo(2), "purchase", 4.0, True)]


@dataclass(frozen=True)
class Case:
    name: str
    content: str
    items: dict[str, tuple[str | None, list[str] | None]] | None = None
    """The title and the categories of each item."""
    refused: str = ""
    file: str = "items.csv"
    attributes: tuple[str, ...] = ()


CASES = [
    Case(
        "genres with commas",
        'item_id,title,genres\n1,A,"Drama, Romance"\n2,B,Drama\n',
        {"1": ("A", ["Drama", "Romance"]), "2": ("B", ["Drama"])},
    ),
    Case(
        "genres with semicolons",
        "item_id,title,genres\n1,A,Drama;Romance\n",
        {"1": ("A", ["Drama", "Romance"])},
    ),
    Case(
        "a column of what sort of product each is, in another language",
        "id,title,produkt,price\n1,A,Buch,5\n2,B,Buch,6\n",
        {"1": ("A", None), "2": ("B", None)},
    ),
    Case(
        "goods with whom to ask about them",
        "product_id,product_name,contact_email,price\n1,A,a@x,5\n",
        {"1": ("A", None)},
    ),
    Case(
        "goods with how many rated them",
        "item_id,title,reviewers,rating\n1,A,250,4.5\n",
        {"1": ("A", None)},
    ),
    Case(
        "books with the ids of who wrote them",
        "book_id,author_id,title,rating,review_text\n1,7,A,4.5,x\n2,7,B,3.5,y\n",
        {"1": ("A", None), "2": ("B", None)},
    ),
    Case(
        "one category with a comma",
        'item_id,title,category\n1,A,"Home, Garden"\n',
        {"1": ("A", ["Home, Garden"])},
    ),
    Case(
        "a list as Python writes it",
        "item_id,title,tags\n1,A,\"['new', 'old']\"\n",
        {"1": ("A", ["new", "old"])},
    ),
    Case(
        "TMDB",
        "id,title,genres,vote_average\n1,A,\"[{'id': 16, 'name': 'Animation'}]\",7.7\n",
        {"1": ("A", ["Animation"])},
    ),
    Case(
        "ids that a spreadsheet keeps from being numbers, and one that is missing",
        'item_id,title\n"=""001""",A\nnull,B\n',
        {"001": ("A", None)},
    ),
    Case(
        "a feed of products",
        "id\ttitle\tdescription\tprice\na1\tChair\tsoft\t3\n",
        {"a1": ("Chair", None)},
    ),
    *(
        Case(
            f"items in a folder ({folder})",
            "item_id,title\n1,A\n",
            {"1": ("A", None)},
            file=f"{folder}/items.csv",
        )
        for folder in ("dt=2026-03-01", "event_type=purchase", "user=ann", "category=Chairs")
    ),
    *(
        Case(
            f"a catalogue of a folder that seems a user's ({folder}: {heading})",
            f"{heading}\n1,chairs,2020-09-13\n",
            {"1": ("1", categories)},
            file=f"{folder}/products.csv",
            attributes=attributes,
        )
        for folder, heading, categories, attributes in (
            ("customer=acme", "product_id,category,updated_at", ["chairs"], ()),
            ("user=exp1", "item_id,description,date", None, ()),
            ("user_id=exp1", "item_id,description,date", None, ()),
            ("user_id=exp1", "sku,price,created_at", None, ("price",)),
            ("user_id=exp1", "sku,room,date", None, ("all",)),
            ("user_id=exp1", "sku,room,date", None, ("room",)),
        )
    ),
    *(
        Case(
            f"a folder that may be a user's or a shop's ({folder}: {heading})",
            f"{heading}\n1,chairs,2020-09-13\n",
            refused="--column user_id=NAME, --user ID",
            file=f"{folder}/products.csv",
        )
        for folder, heading in (
            ("user=exp1", "sku,room,date"),
            ("user_id=exp1", "sku,price,created_at"),
            ("customer_id=acme", "sku,room,updated_at"),
        )
    ),
    Case(
        "numbers of two years",
        "sku,2022,2023\na1,5,7\na2,6,8\n",
        {"a1": ("a1", None), "a2": ("a2", None)},
        attributes=("all",),
    ),
    *(
        Case(
            f"names that are numbers ({heading})",
            f"{heading}\n" + "".join(f"a{n}{',0.5' * heading.count(',')}\n" for n in (1, 2)),
            {"a1": ("a1", None), "a2": ("a2", None)},
            attributes=("all",),
        )
        for heading in ("item_id,0,1,2", "sku,2022", "sku,2019,2021,2024")
    ),
    Case("people", "id,name,email\n1,Ann,a@example.org\n", refused="none is known as an item"),
    Case(
        "Yelp",
        json.dumps({"business_id": "b", "name": "Café", "categories": "Food, Coffee"}),
        {"b": ("Café", ["Food", "Coffee"])},
        file="b.json",
    ),
    *(
        Case(
            f"what people did with items: {next(reversed(more))}",
            json.dumps({"item_id": "a", "title": "Chair", **more}),
            {"a": ("Chair", None)},
            file="b.json",
        )
        for more in (
            {"reviews": [{"user_id": "u1", "rating": 5, "date": "2020-09-13"}]},
            {"recent_buyers": [{"customer_id": "u1"}]},
            {"data": {"user_id": "owner", "created_at": "2020-09-13T12:26:40Z"}},
            {"details": {"date": "2020-09-13", "rating": 4.5}},
            {"similar": [{"item_id": "b"}]},
        )
    ),
    Case(
        "reviews of items without titles",
        json.dumps({"sku": "a", "category": "sport", "reviews": [{"user_id": "u1", "rating": 5}]}),
        {"a": ("a", ["sport"])},
        file="b.json",
    ),
    Case(
        "ids of MongoDB",
        json.dumps({"item_id": {"$oid": "5f"}, "title": "Chair"}),
        {"5f": ("Chair", None)},
        file="b.json",
    ),
    Case(
        "articles and who wrote them",
        "article_id,title,category,author_id\n1,News,sport,7\n",
        {"1": ("News", ["sport"])},
    ),
    Case(
        "reviews of people nobody knows",
        "asin,by,title,stars\na,Ann,Nice,5\na,Bob,Bad,1\n",
        refused="more than one title. If its rows are what people did, say --column user_id=NAME",
    ),
    Case(
        "a category a line",
        "item_id,category\n1,red\n1,blue\n",
        refused="stand beside more than one category",
    ),
    Case("ids alone", "item_id,price\n1,3\n", refused="--column title=NAME or --attributes all"),
    Case(
        "Netflix titles",
        "1,2003,Dinosaur Planet\n",
        {"1": ("Dinosaur Planet", None)},
        file="movie_titles.csv",
    ),
    Case(
        "Last.fm artists",
        "id\tname\turl\tpictureURL\n1\tMALICE\thttp://x\thttp://y\n",
        {"1": ("MALICE", None)},
        file="artists.dat",
    ),
    Case(
        "Tandem's recommendations",
        "user_id,rank,item_id,score,run\nu1,1,a,0.9,3\n",
        refused="holds nothing to load",
    ),
]


@pytest.mark.quick
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_is_understood_or_refused(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.parent.mkdir(exist_ok=True)
    path.write_text(case.content, encoding="utf-8")
    if case.items is None:
        with (
            pytest.raises(InvalidInputError, match=case.refused.replace(".", r"\.")),
            opened_files([str(path)], LoadOptions(attributes=case.attributes), KINDS),
        ):
            pass
        return
    with opened_files([str(path)], LoadOptions(attributes=case.attributes), KINDS) as opened:
        (plan,) = opened.plans
        assert isinstance(plan, ItemsPlan)
        rows = [
            row for batch in item_batches(opened.duck, plan, {}) for row in batch.table.to_pylist()
        ]
    assert {row["item_id"]: (row["title"], row["categories"]) for row in rows} == case.items


@pytest.mark.parametrize(
    "more",
    [
        {"categories": [["a", "b"]], "embedding": [[1 / 3] * 384]},
        {"recent_buyers": [[{"customer_id": "u1", "date": "2020-09-13"}]], "category": ["sport"]},
    ],
    ids=["embeddings", "buyers"],
)
def test_large_catalogues_of_parquet_with_lists_are_read(
    more: dict[str, list[Any]], tmp_path: Path
) -> None:
    columns = {name: values * ROWS for name, values in more.items()}
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"item_id": [f"i{n}" for n in range(ROWS)], **columns}), path)
    with opened_files([str(path)], LoadOptions(), KINDS) as opened:
        (plan,) = opened.plans
        assert isinstance(plan, ItemsPlan)
        batches = [batch.table.num_rows for batch in item_batches(opened.duck, plan, {})]
    assert sum(batches) == ROWS


def test_large_orders_of_parquet_with_embeddings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(
        pa.table(
            {
                "user_id": ["u1"] * ROWS,
                "ts": [1_600_000_000 + n for n in range(ROWS)],
                "embedding": [[0.5] * 384] * ROWS,
                "line_items": [[{"item_id": "a"}, {"item_id": "b"}]] * ROWS,
            }
        ),
        path,
    )
    with opened_files([str(path)], LoadOptions(), KINDS) as opened:
        (plan,) = opened.plans
        assert plan.table.rows == 2 * ROWS
