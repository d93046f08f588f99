"""Names of columns in other languages than English."""

import re
import unicodedata

_NAMES = {
    "user_id": (
        # German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Turkish
        "kundennummer kunden_id kundennr kunden_nr kunden_nummer nutzer_id benutzer_id lesernummer "
        "kunde nutzer benutzer kaeufer käufer besteller "
        "id_utilisateur utilisateur_id numero_client code_client id_acheteur utilisateur acheteur "
        "id_cliente cliente_id codigo_cliente id_usuario usuario_id cliente usuario comprador "
        "id_utente utente_id codice_cliente utente acquirente "
        "klantnummer klant_id klantnr gebruikers_id gebruiker_id klant gebruiker koper "
        "id_klienta klient_id numer_klienta id_uzytkownika uzytkownik_id klient uzytkownik "
        "kupujacy "
        "kund_id kundnummer anvandar_id kund användare "
        "kullanici_id musteri_id musteri_no kullanici musteri "
        # Russian, Chinese, Japanese, Korean
        "id_пользователя пользователь_id id_клиента клиент_id пользователь покупатель клиент "
        "用户id 用户编号 客户id 客户编号 会员id 买家id 用户 客户 会员 买家 "
        "ユーザーid ユーザid 顧客id 顧客番号 会員id 会員番号 お客様id ユーザー 顧客 "
        "사용자id 고객id 고객번호 회원id 회원번호 사용자 고객"
    ),
    "item_id": (
        "artikelnummer artikel_id artikelnr artikel_nr produkt_id produktnummer produktnr artikel "
        "produkt "
        "id_produit produit_id code_produit reference_produit code_article produit "
        "id_producto producto_id codigo_producto id_articulo producto articulo "
        "id_prodotto prodotto_id codice_prodotto codice_articolo id_articolo prodotto articolo "
        "id_produto produto_id codigo_produto produto "
        "id_produktu produkt_id kod_produktu produktu towar "
        "artikel_id urun_id urun_kodu urun "
        "id_товара товар_id код_товара артикул товар "
        "商品id 商品编号 物品id 产品id 商品 产品 商品コード 商品番号 製品id "
        "상품id 상품번호 상품코드 상품"
    ),
    "time": (
        "datum zeitpunkt zeitstempel bestelldatum kaufdatum rechnungsdatum ausleihdatum "
        "erstellt_am uhrzeit zeit "
        "date_commande date_achat date_heure horodatage heure "
        "fecha_hora fecha_compra fecha_pedido fecha marca_de_tiempo hora "
        "data_ora data_acquisto data_ordine ora data_hora data_compra data_pedido "
        "besteldatum aankoopdatum tijdstip tijd data_zakupu data_zamowienia godzina "
        "orderdatum tidpunkt tarih siparis_tarihi zaman saat "
        "дата_покупки дата_заказа дата время "
        "时间戳 下单时间 购买时间 时间 日期 日時 購入日時 注文日時 購入日 注文日 日付 時刻 "
        "일시 구매일 주문일 날짜 시간"
    ),
    "value": (
        "bewertung sterne wertung etoiles valoracion calificacion puntuacion estrellas valutazione "
        "punteggio voto avaliacao pontuacao estrelas beoordeling waardering sterren ocena "
        "betyg puan оценка рейтинг 评分 打分 評価 평점 별점"
    ),
    "kind": (
        "aktion ereignistyp ereignis type_evenement evenement tipo_evento evento accion azione "
        "acao gebeurtenis actie typ_zdarzenia zdarzenie akcja handelse olay islem событие действие "
        "行为类型 行为 事件 イベント 行動 이벤트"
    ),
    "event_id": (
        "bestellnummer bestell_id auftragsnummer rechnungsnummer numero_commande id_commande "
        "numero_pedido id_pedido numero_ordine id_ordine bestelnummer numer_zamowienia "
        "id_zamowienia siparis_no siparis_id номер_заказа id_заказа 订单号 订单id 订单编号 "
        "注文番号 注文id 주문번호"
    ),
}
_ORDER_DATES = (
    "bestelldatum kaufdatum rechnungsdatum date_commande date_achat fecha_compra fecha_pedido "
    "data_acquisto data_ordine data_compra data_pedido besteldatum aankoopdatum data_zakupu "
    "data_zamowienia siparis_tarihi дата_покупки дата_заказа 下单时间 购买时间 購入日時 注文日時 "
    "購入日 注文日 구매일 주문일"
)
_STATES = (
    "статус статус_заказа состояние 状态 订单状态 支付状态 ステータス 注文状況 状況 상태 주문상태"
)
_WEAK = {"note": "value", "nota": "value", "data": "time"}
"""Words that are names of something else in English: they mean it where all texts are such."""
_ID = re.compile(r"id|num|nr|no$|kod|cod|code|编号|番号|コード|번호|코드|артикул|код")
_LETTERS = str.maketrans("łıøđ", "liod")


def folded(name: str) -> str:
    """A name without accents and what is no letter or digit: `Número de pedido` is one word."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    return "".join(each for each in plain if each.isalnum())


_MEANINGS = {
    folded(name): (meaning, rank)
    for meaning, names in _NAMES.items()
    for rank, name in enumerate(names.split(), 1000)
}
_ORDERS = {folded(name) for name in f"{_NAMES['event_id']} {_ORDER_DATES}".split()}


_STATE_NAMES = {folded(name) for name in _STATES.split()}


def foreign_meaning(name: str) -> tuple[str, int] | None:
    """What a column of a name means, and how likely, behind all English names."""
    return _MEANINGS.get(folded(name))


def weak_meaning(name: str) -> str | None:
    """What a column may mean whose name is a word of English too."""
    return _WEAK.get(folded(name))


def is_foreign_noun(name: str) -> bool:
    """Whether a column may have names of people or things, as `Kunde` and not `Kundennummer`."""
    known = foreign_meaning(name)
    return known is not None and known[0] in {"user_id", "item_id"} and not _ID.search(folded(name))


def is_foreign_order(name: str) -> bool:
    """Whether a column has ids or dates of orders."""
    return folded(name) in _ORDERS


def is_foreign_state(name: str) -> bool:
    """Whether a column has the states of orders."""
    return folded(name) in _STATE_NAMES
