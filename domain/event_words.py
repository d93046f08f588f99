"""What other people call the kinds of events, the same in files and over HTTP."""

import re

LEFT_OUT = None
"""Such events say nothing of taste, or take back what another said."""

_KINDS: dict[str | None, str] = {
    "view": (
        "view views viewed pageview page_view product_view detail_view detail_page_view item_view "
        "visit open opened read watch watched play played listen listened stream pv view_item "
        "item_viewed viewed_item product_viewed viewed_product page_viewed article_viewed "
        "product_page_view view_product view_content viewcontent"
    ),
    "click": "click clicks clicked clickout click_out tap select_item product_clicked",
    "like": (
        "like likes liked favorite favourite favorited fav upvote thumbs_up thumb_up love loved "
        "star up recommended"
    ),
    "dislike": "dislike disliked downvote thumbs_down thumb_down down not_recommended",
    "rate": "rate rated rating ratings review",
    "cart": (
        "cart carts addtocart add_to_cart add_cart cart_add added_to_cart basket add_to_basket "
        "wishlist add_to_wishlist bookmark bookmarked save saved product_added add_to_bag "
        "added_to_bag item_added product_added_to_cart carted"
    ),
    "purchase": (
        "purchase purchases purchased transaction transactions buy bought order orders ordered "
        "sale checkout conversion order_completed order_placed placed_order ordered_product "
        "product_purchased purchased_product item_purchased product_ordered purchase_complete "
        "purchase_completed"
    ),
    "hide": "hide hidden not_interested",
    LEFT_OUT: (
        "remove_from_cart removed_from_cart remove_cart cart_remove removefromcart unlike "
        "remove_from_wishlist impression impressions product_removed view_item_list view_cart "
        "begin_checkout checkout_started refund unfavorite remove_from_bag removed_from_bag "
        "product_list_viewed cart_viewed promotion_viewed promotion_clicked products_searched "
        "product_list_filtered coupon_applied payment_info_entered checkout_step_viewed "
        "checkout_step_completed order_updated item_removed refunded_order order_refunded "
        "order_cancelled cancelled_order"
    ),
}


def normalized(name: str) -> str:
    """A name without what people write differently: `User-ID`, `userId` and `user_id` are one."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


_KIND_BY_WORD = {normalized(word): kind for kind, words in _KINDS.items() for word in words.split()}


def kind_of_word(word: str, kinds: tuple[str, ...]) -> str | None:
    """Our kind for what a log calls an event: `addtocart` is `cart`.

    None: such events say nothing of taste, as `remove_from_cart`. Raises KeyError for a word that
    nobody knows.
    """
    if word in kinds:
        return word
    lowered = word.strip().lower()
    if lowered in kinds:
        return lowered
    kind = _KIND_BY_WORD[normalized(word)]
    if kind is not None and kind not in kinds:
        raise KeyError(word)
    return kind
