import pytest

from tests.docs.documents import Document, documents


def broken(document: Document, link: str) -> bool:
    if "://" in link:
        return False
    place, _, anchor = link.partition("#")
    target = Document((document.path.parent / place).resolve() if place else document.path)
    return not target.path.exists() or (bool(anchor) and anchor not in target.anchors)


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_link_has_a_target(document: Document) -> None:
    assert [link for link in document.links if broken(document, link)] == []


def test_readme_is_short() -> None:
    readme = next(document for document in documents() if str(document) == "README.md")
    assert len(readme.text.splitlines()) <= 130


def test_readme_links_to_every_document() -> None:
    readme = next(document for document in documents() if str(document) == "README.md")
    linked = {link.partition("#")[0] for link in readme.links}
    assert [str(document) for document in documents() if str(document) not in {"README.md", *linked}] == []
