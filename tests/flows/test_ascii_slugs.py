"""Slugs of names without tables of all characters."""

from tests.programs import printed_by

LOADED = "hasattr(sys.modules['text_unidecode'], '__file__')"
PREPARED = "import sys; from flows import ascii_slugs; ascii_slugs.load_tables_when_needed();"


def test_prefect_is_imported_without_the_tables_of_all_characters() -> None:
    assert printed_by(f"{PREPARED} import prefect.cli; print({LOADED})").strip() == "False"


def test_a_name_that_is_not_ascii_has_the_slug_it_would_have_with_them() -> None:
    slugs = "print(slugify('My Block'), slugify('Größe 北京'), slugify('Ænima'))"
    ask = f"from slugify import slugify; {slugs}"
    assert printed_by(f"{PREPARED} {ask}; assert {LOADED}") == printed_by(ask)
