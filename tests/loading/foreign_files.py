"""Headings and states of orders in other languages, and states that are numbers."""

from typing import Any

from tests.loading.exported_files import event
from tests.loading.understood import Case, rate, view

AT = "2020-09-13 12:26:40"
DAY = "2020-09-13T00:00:00+00:00"
BOUGHT = ("u1", "a", "purchase", None, None, DAY)


def on(day: str, *rated: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [(*each[:5], day) for each in rated]


def ordered(column: str, *states: str, user: str = "customer_id") -> str:
    rows = zip("abcdefgh", states, strict=False)
    return f"order_id,{user},product_id,order_date,{column}\n" + "".join(
        f"o{item},u1,{item},{AT},{state}\n" for item, state in rows
    )


FOREIGN = [
    # ------------------------------------------------------------ headings
    *(
        Case(
            f"headings such as {heading}",
            f"{heading}\nu1;a;13.09.2020;4,5\nu1;b;13.09.2020;1,0\n",
            on(DAY, rate(4.5, "1:5"), rate(1, "1:5", item="b")),
        )
        for heading in (
            *("Kunden-ID;Artikel-ID;Datum;Bewertung", "id_client;id_article;date;note"),
            *("id_cliente;id_producto;fecha;valoración", "id_utente;id_prodotto;data;voto"),
            *(
                "id_usuario;id_produto;data;avaliação",
                "klantnummer;artikelnummer;datum;beoordeling",
            ),
            *("id_klienta;id_produktu;data;ocena", "kund_id;artikel_id;datum;betyg"),
            *("kullanici_id;ürün_id;tarih;puan", "пользователь;товар;дата;оценка"),
            *(
                "用户ID;商品ID;时间;评分",
                "ユーザーID;商品ID;日時;評価",
                "회원ID;상품번호;날짜;평점",
            ),
        )
    ),
    Case(
        "a name beside a number",
        "Kunde;Kundennummer;Artikel;Artikelnummer;Datum\nAnn;u1;Stuhl;a;13.09.2020\n",
        [view(at=DAY)],
    ),
    Case(
        "the day and the time of day",
        "Kunde;Artikel;Datum;Uhrzeit\nu1;a;13.09.2020;12:26:40\n",
        [view()],
    ),
    Case(
        "a note that is a text",
        f"user_id,item_id,time,note\nu1,a,{AT},good\n",
        [view()],
        unread=("note",),
    ),
    Case("a note that is no mark", f"user_id,item_id,time,note\nu1,a,{AT},1001\n", [view()]),
    # ------------------------------------------------------------ orders
    *(
        Case(
            f"orders of which some are {state}",
            f"{heading}\n1;u1;a;13.09.2020;ok\n2;u1;b;13.09.2020;{state}\n",
            [BOUGHT],
        )
        for heading, state in (
            ("Bestellnummer;Kundennummer;Artikelnummer;Bestelldatum;Status", "storniert"),
            ("numero_pedido;id_cliente;codigo_producto;fecha_pedido;estado", "cancelado"),
            ("id_ordine;codice_cliente;codice_prodotto;data_ordine;stato", "annullato"),
            ("numer_zamówienia;id_klienta;id_produktu;data_zamówienia;status", "anulowane"),
            ("номер_заказа;id_клиента;артикул;дата_заказа;статус", "отменён"),
            ("订单号;用户ID;商品ID;下单时间;订单状态", "已取消"),
            ("注文番号;会員ID;商品コード;注文日時;ステータス", "キャンセル"),
        )
    ),
    # ------------------------------------------------------------ states
    *(
        Case(
            f"numbers for states, {column}",
            ordered(column, "0", "3"),
            refused=f"--kind purchase or --column kind={column} --map-kind 0=- --map-kind 3=purch",
        )
        for column in ("status", "order_status_id", "current_state", "payment_status")
    ),
    Case(
        "one number for all states",
        ordered("status", "3", "3"),
        [event("purchase"), event("purchase", "b")],
    ),
    Case(
        "numbers beside words for states",
        ordered("status_id,status", "5,Complete", "7,Canceled"),
        [event("purchase")],
    ),
    Case(
        "numbers for states, as said",
        ordered("status", "0", "3"),
        [event("purchase", "b")],
        options={"columns": {"kind": "status"}, "kinds": {"0": None, "3": "purchase"}},
    ),
    Case(
        "numbers of something that is no order",
        f"user_id,item_id,time,status\nu1,a,{AT},200\nu1,b,{AT},404\n",
        refused="--kind view or --column kind=status",
    ),
    Case("orders that were not paid", ordered("is_paid", "1", "0"), [event("purchase")]),
    Case(
        "amounts that were paid",
        ordered("paid", "9.5", "0"),
        [event("purchase"), event("purchase", "b")],
    ),
    Case(
        "orders that are closed, beside complete ones",
        ordered("status", "complete", "closed"),
        [event("purchase")],
    ),
    Case(
        "orders that are closed",
        ordered("status", "closed", "open"),
        [event("purchase"), event("purchase", "b")],
    ),
    # ------------------------------------------------------------ words of English too
    Case(
        "numbers in a column of notes",
        f"user_id,item_id,time,note\nu1,a,{AT},3\nu1,b,{AT},4\n",
        [event("view"), event("view", "b")],
    ),
    Case(
        "numbers in a column of notes of orders",
        f"order_id,id_customer,id_product,order_date,note\n1,u1,a,{AT},3\n2,u1,b,{AT},4\n",
        [event("purchase"), event("purchase", "b")],
    ),
    Case(
        "notes of some rows only",
        f"id_client;id_article;time;note\nu1;a;{AT};3\nu1;b;{AT};\n",
        [event("view"), event("view", "b")],
    ),
    Case(
        "promotions",
        f"user_id,item_id,time,aktion\nu1,a,{AT},-10%\nu1,b,{AT},2+1\n",
        [event("view"), event("view", "b")],
        mentions=("aktion has no word for a kind of event",),
    ),
    Case(
        "whether there was a promotion",
        f"user_id,item_id,time,actie\nu1,a,{AT},ja\nu1,b,{AT},nee\n",
        [event("view"), event("view", "b")],
        mentions=("actie has no word for a kind of event",),
    ),
    Case(
        "words for kinds in another language",
        f"user_id,item_id,time,akcja\nu1,a,{AT},klik\nu1,b,{AT},zakup\n",
        refused="has the kinds klik, zakup, which nobody knows",
    ),
]
