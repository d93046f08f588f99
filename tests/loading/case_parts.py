"""What files of several tables of cases are made of."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

HEADING = "user_id,item_id,timestamp\n"
AT = 1_600_000_000
PLAIN = f"{HEADING}u1,a,{AT}\n"
RATED = "user_id,item_id,rating,timestamp\n"
RATINGS = f"{RATED}u1,a,5,{AT}\n"
DAY = "2020-09-13T00:00:00+00:00"


def dated(*dates: str) -> str:
    return "user_id,item_id,date\n" + "".join(
        f"u1,{item},{date}\n" for item, date in zip("abcdefgh", dates, strict=False)
    )


def ids(*users: str) -> str:
    return HEADING + "".join(f"{user},a,{AT}\n" for user in users)


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def feathered(version: int) -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(pa.table({"user_id": ["u1"]}), buffer, version=version)
    return buffer.getvalue()


def streamed() -> bytes:
    table, buffer = pa.table({"user_id": ["u1"]}), io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def of_user(values: dict[str, str], **more: Any) -> Any:
    return {"user_id": "u1", "ts": AT, **values, **more}


ORDER = {"order_id": 7, "customer_id": "u1", "created_at": "2020-09-13T12:26:40Z"}
MOMENT = pa.array([AT], pa.timestamp("s", "UTC"))
