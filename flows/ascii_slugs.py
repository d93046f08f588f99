"""Slugs of names in ASCII, without the tables for all other characters.

Prefect makes slugs of names as it is imported. What it makes them with then loads how each
character of Unicode is to be written, 4 MiB that stay in its server and in its worker.
"""

import sys
from importlib import import_module
from types import ModuleType

_TABLES = "text_unidecode"


def load_tables_when_needed() -> None:
    """To be called before Prefect is imported; the tables are loaded for the first other name."""
    if _TABLES not in sys.modules:
        sys.modules[_TABLES] = _Transliteration(_TABLES)


class _Transliteration(ModuleType):
    @staticmethod
    def unidecode(text: str) -> str:
        if text.isascii():
            return text
        if isinstance(sys.modules.get(_TABLES), _Transliteration):
            # Another thread may be at it too.
            sys.modules.pop(_TABLES, None)
        transliterated: str = import_module(_TABLES).unidecode(text)
        return transliterated
