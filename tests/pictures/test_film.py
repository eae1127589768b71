"""The film of the first hour: its script gets through by the page's words alone, and docs/first-hour.md tells it."""

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")

from pictures.first_hour import FOLDER, PICTURES, SIZE, Film, picture_file
from tests.docs.documents import document

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_BYTES = 1_500_000


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


@pytest.mark.process
def test_a_person_who_reads_only_the_page_gets_through(page: "Page", tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("film")
    Film(page, folder).make()
    taken = sorted(folder.iterdir())
    assert [picture.name for picture in taken] == [picture_file(name) for name in PICTURES]
    assert {size_of(picture) for picture in taken} == {(SIZE["width"], SIZE["height"])}


def test_the_document_shows_each_picture_once_and_in_order_with_a_line_before_it() -> None:
    text = document("docs/first-hour.md").text
    shown = re.findall(r"^[A-Z`].*\.\n\n!\[.+\]\((.+)\)$", text, re.MULTILINE)
    assert shown == [f"../pictures/film/{picture_file(name)}" for name in PICTURES]
    assert text.count("![") == len(PICTURES)


def test_the_pictures_are_small() -> None:
    files = sorted(FOLDER.iterdir())
    assert [file.name for file in files] == [picture_file(name) for name in PICTURES]
    assert {size_of(file) for file in files} == {(SIZE["width"], SIZE["height"])}
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
