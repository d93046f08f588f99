"""What an answer says of the limit it counts for (draft-ietf-httpapi-ratelimit-headers-10)."""

import math
from functools import lru_cache

from serving.limits.token_bucket import RateLimit, Taken

Header = tuple[bytes, bytes]


def rate_limit_headers(taken: Taken) -> tuple[Header, Header]:
    """The headers `RateLimit-Policy` and `RateLimit`.

    `q` requests may be asked in `w` seconds; `r` are left, and in `t` seconds it is `q` again. Of
    a refusal `t` is `Retry-After`.
    """
    reset = max(math.ceil(taken.reset_seconds), 0 if taken.allowed else 1)
    remaining = f'"{taken.limit.name}";r={taken.remaining};t={reset}'
    return _policy(taken.limit), (b"ratelimit", remaining.encode())


@lru_cache(maxsize=256)
def _policy(limit: RateLimit) -> Header:
    return (b"ratelimit-policy", f'"{limit.name}";q={limit.per_minute};w=60'.encode())
