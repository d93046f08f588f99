"""Files that say what they hold by their names and folders, and files that are no logs."""

import lzma
import pickle

import pyarrow as pa

from tests.loading.case_parts import (
    AT,
    DAY,
    MOMENT,
    PLAIN,
    RATED,
    RATINGS,
    feathered,
    parquet,
    streamed,
)
from tests.loading.exported_files import event
from tests.loading.understood import SECOND, Case, rate, view, zipped

NAMED = [
    # ------------------------------------------------------------ names of files and folders
    Case(
        "purchases by the file's name",
        PLAIN,
        [event("purchase")],
        file="shop_purchases_2020.csv",
        mentions=("each row is a purchase, as the file's name says (purchases)",),
    ),
    Case("goods in carts are not bought", PLAIN, [event("cart")], file="add_to_cart.csv"),
    Case(
        "quantities in carts",
        "user_id,item_id,timestamp,quantity\nu1,a,1600000000,2\n",
        [event("cart")],
        file="carts.csv",
    ),
    Case(
        "orders in a file of baskets",
        f"quantity,basket_id,user_id,item_id,date\n2,7,u1,a,{AT}\n",
        [event("purchase")],
        file="baskets.csv",
    ),
    Case(
        "orders in a file of carts",
        f"order_id,user_id,item_id,timestamp\n7,u1,a,{AT}\n",
        [event("purchase")],
        file="cart.csv",
    ),
    Case(
        "books to read",
        PLAIN,
        [event("cart")],
        file="to_read.csv",
        mentions=("name says (to_read)",),
    ),
    Case("likes by the folder's name", PLAIN, [event("like")], file="likes/part-0.csv"),
    Case("views in a folder of orders", PLAIN, [view()], file="orders/2020_views.csv"),
    Case("a file of another name in a folder", PLAIN, [view()], file="orders/events.csv"),
    Case("a word in a name that says no more", PLAIN, [view()], file="pick_up.csv"),
    Case("what was not done", PLAIN, [view()], file="not_purchased.csv"),
    *(
        Case(f"no kind in {file}", PLAIN, [view()], file=file)
        for file in (
            *("chronological_order/1.csv", "random_order.csv", "sort_order.csv", "item_order.csv"),
            *("looks_like.csv", "abandoned_carts.csv", "removed_duplicates.csv"),
            *("views_and_likes.csv", "train_views_purchases.csv", "events_removed_bots.csv"),
        )
    ),
    *(
        Case(f"nothing was done by {file}", PLAIN, refused="as its name says", file=file)
        for file in (
            *("removed_likes.csv", "cancelled_orders.csv", "refunded_orders.csv", "returns.csv"),
            *("returned_purchases.csv", "deleted_likes.csv", "undislikes.csv", "unfollows.csv"),
            *("recommendations.csv", "negative_samples.csv", "candidates.csv"),
        )
    ),
    Case("one order", PLAIN, [event("purchase")], file="order_history_2020.csv"),
    Case("orders and sales", PLAIN, [event("purchase")], file="orders_sales.csv"),
    Case(
        "a column of kinds says more than a name",
        "user_id,item_id,event,timestamp\nu1,a,like,1600000000\n",
        [event("like")],
        file="purchases.csv",
    ),
    Case("items that were shown", PLAIN, refused="Say --kind view", file="impressions.csv"),
    Case(
        "kinds in names of folders",
        PLAIN,
        [event("purchase")],
        file="event_type=purchase/part-0.csv",
    ),
    Case(
        "days in names of folders",
        "user_id,item_id\nu1,a\n",
        [view(at=DAY)],
        file="dt=2020-09-13/part-0.csv",
    ),
    Case(
        "folders in an archive",
        zipped(**{"event_type=purchase/part-0.csv": PLAIN}),
        [event("purchase")],
        file="e.zip",
    ),
    Case(
        "years, months and days in names of folders",
        parquet(user_id=["u1"], item_id=["a"]),
        [view(at=DAY)],
        file="year=2020/month=9/day=13/part-0.parquet",
    ),
    Case(
        "a column of the file itself, and a folder without value",
        PLAIN,
        [view()],
        file="timestamp=7/country=__HIVE_DEFAULT_PARTITION__/part-0.csv",
    ),
    *(
        Case(
            f"a folder that says less than the file ({folder})",
            content,
            stored,
            file=f"{folder}/p.csv",
        )
        for folder, content, stored in (
            ("date=2024-05-01", PLAIN.replace("timestamp", "order_date"), [event("purchase")]),
            ("date=2024-05-01", PLAIN.replace("timestamp", "t_dat"), [event("purchase")]),
            ("year=2024/month=5/day=1", PLAIN.replace("timestamp", "created_at"), [view()]),
            ("time=7", PLAIN.replace("timestamp", "created_at"), [view()]),
            ("user_id=exp1", PLAIN.replace("user_id", "uid"), [view()]),
            ("user=exp1", PLAIN.replace("user_id", "uid"), [view()]),
            ("item_id=5", PLAIN.replace("item_id", "asin"), [view()]),
            ("event=blackfriday", PLAIN, [view()]),
            ("kind=5", PLAIN, [view()]),
            ("order_id=7", PLAIN, [view()]),
            ("status=cancelled", PLAIN, [view()]),
            ("is_bot=true", PLAIN, [view()]),
            ("quantity=0", PLAIN, [view()]),
            ("views=0", PLAIN, [view()]),
            ("play_count=0", PLAIN, [view()]),
            ("type=click", RATINGS, [rate(5, "1:5")]),
            ("event_type=like/raw", PLAIN, [view()]),
            ("user_id=exp1/sub", parquet(uid=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
            ("quantity=0", parquet(user_id=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
            ("is_bot=true", parquet(user_id=["u1"], item_id=["a"], timestamp=MOMENT), [view()]),
        )
    ),
    Case(
        "a folder of a day, and times of it",
        "user_id,item_id,time\nu1,a,12:26:40\n",
        [view()],
        file="date=2020-09-13/p.csv",
        mentions=("date: from the folder's name",),
    ),
    Case(
        "a day and an hour in names of folders",
        "user_id,item_id\nu1,a\n",
        [view(at="2020-09-13T12:00:00+00:00")],
        file="dt=2020-09-13/hour=12/p.csv",
    ),
    Case(
        "a folder of what one person did",
        "item_id,timestamp\na,1600000000\n",
        [view()],
        file="user_id=u1/p.csv",
        mentions=("user_id: from the folder's name",),
    ),
    Case(
        "ratings without heading in a folder of clicks",
        f"u1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2", "value": "3", "time": "4"}},
    ),
    Case(
        "ratings of a name that nobody knows in a folder of clicks",
        f"user_id,item_id,opinion_pts,timestamp\nu1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        options={"columns": {"value": "opinion_pts"}},
    ),
    Case(
        "ratings that begin late in a folder of clicks",
        RATED + f"u1,z,,{AT}\n" * 21 + f"u1,a,5,{AT}\nu1,b,4,{AT}\n",
        [rate(5, "1:5"), rate(4, "1:5", item="b")],
        file="type=click/p.csv",
        rejected={"value is missing, which the kind needs": 21},
    ),
    Case(
        "times of a name that nobody knows in a folder of a day",
        f"user_id,item_id,instant_ms\nu1,a,{AT}000\n",
        refused="--column time=NAME",
        file="date=2020-09-13/p.csv",
    ),
    Case(
        "columns without heading that nobody names, in a folder of a day",
        f"u1,a,{AT}\n",
        refused="--column time=NAME",
        file="date=2020-09-13/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2"}},
    ),
    Case(
        "columns without heading that are all named, in a folder of a day",
        "u1,a\nu1,b\n",
        [view(at=DAY), view(item="b", at=DAY)],
        file="date=2020-09-13/p.csv",
        options={"columns": {"user_id": "1", "item_id": "2"}},
    ),
    Case(
        "a folder of something that is no id of an item",
        "user_id,page,created_at\nu1,7,2020-09-13 12:26:40\n",
        refused="none is known as an item",
        file="product=web/x.csv",
    ),
    Case(
        "a folder that is said to be the kind",
        RATINGS,
        [("u1", "a", "click", None, None, SECOND)],
        file="type=click/p.csv",
        options={"columns": {"kind": "type"}},
    ),
    Case(
        "a word of a folder for kinds that nobody knows",
        PLAIN,
        refused="--map-kind zorp=KIND",
        file="event_type=zorp/p.csv",
    ),
    # ------------------------------------------------------------ archives and other formats
    Case(
        "a log, and a table without heading that is none of its parts",
        zipped(**{"a1.csv": PLAIN, "a2.csv": "north,red,5\nsouth,blue,7\n"}),
        [view()],
        file="e.zip",
    ),
    Case("xz", lzma.compress(PLAIN.encode()), [view()], file="e.csv.xz", mentions=("with xz",)),
    Case("LZ4", pa.compress(PLAIN.encode(), codec="lz4", asbytes=True), [view()], file="e.csv.lz4"),
    Case(
        "xz put together, with zeros between",
        lzma.compress(PLAIN.encode()) + bytes(8) + lzma.compress(f"u1,b,{AT}\n".encode()),
        [view(), view(item="b")],
        file="e.csv.xz",
    ),
    Case("damaged xz", lzma.compress(PLAIN.encode())[:-9], refused="is damaged", file="e.csv.xz"),
    Case(
        "an OpenDocument sheet",
        zipped(mimetype="x", **{"content.xml": "x"}),
        refused="OpenDocument",
        file="e.ods",
    ),
    Case("Arrow", feathered(2), refused="is an Arrow file", file="e.feather"),
    Case("a stream of Arrow", streamed(), refused="is a stream of Arrow", file="e.arrows"),
    Case("NumPy", b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'}", refused="NumPy", file="e.npy"),
    Case("MATLAB", b"MATLAB 5.0 MAT-file".ljust(128), refused="MATLAB", file="rating.mat"),
    Case("an old pickle", pickle.dumps([1], 2), refused="is a Python pickle", file="e.pkl"),
    Case("R", b"RDX3\nX\n\x00\x00\x00\x03", refused="is a file of R", file="e.rda"),
    Case(
        "what is no text",
        bytes(range(4, 27)) * 20,
        refused="is not text, but of a format that is not read",
        file="e.dat",
    ),
    Case(
        "Matrix Market",
        "%%MatrixMarket matrix coordinate real general\n9 15 2\n1 1 5\n2 1 3\n",
        refused="whose first row is its size",
        file="e.mtx",
    ),
    Case("a web page", "\n<!DOCTYPE html>\n<html>\n", refused="is a web page", file="e.csv"),
    Case("XML", '\ufeff<?xml version="1.0"?>\n<rows/>\n', refused="is XML", file="Votes.xml"),
    Case(
        "a pointer of Git LFS",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        refused="git lfs pull",
    ),
    Case(
        "statements of SQL",
        "INSERT INTO e (user_id, item_id) VALUES ('u1', 'a');\n",
        refused="statements of SQL",
    ),
    Case(
        "a heading that begins as ORC does",
        f"ORCID,item_id,ts\nu1,a,{AT}\n",
        [view()],
        options={"columns": {"user_id": "ORCID"}},
    ),
    *(
        Case(
            f"{name} with a column of yes and no for something else",
            f"user_id,item_id,{flag},timestamp\nu1,a,1,{AT}\nu1,b,0,{AT}\n",
            refused=f"Where {flag} is 0, perhaps nothing happened",
            file=f"{name}.csv",
        )
        for name, flag in (("clicks", "purchased"), ("cart", "bought"), ("purchases", "viewed"))
    ),
    Case(
        "clicks with a column of yes and no for them",
        f"user_id,item_id,clicked,timestamp\nu1,a,1,{AT}\nu1,b,0,{AT}\n",
        [event("click")],
        file="clicks.csv",
    ),
    Case(
        "clicks from recommendations", PLAIN, [event("click")], file="clicks_from_recommended.csv"
    ),
    Case(
        "candidates who applied",
        f"candidate_id,job_id,applied_at\nu1,a,{AT}\n",
        [view()],
        file="candidates.csv",
    ),
]
