"""Renews the catalogues of our texts, and says what they lack: ``python -m tests.catalogues``.

It does what docs/translating.md does by hand: takes the texts out of the sources, brings every
catalogue up to them, and compiles it. What a catalogue lacks stays empty, never guessed. The
example bank has catalogues of its own, which are treated alike.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
#: What ``pybabel extract`` is told beside the mappings in pyproject.toml.
EXTRACT = ("-F", "pyproject.toml", "-k", "lazy_gettext", "-k", "phrase", "--add-location=file")


@dataclass(frozen=True)
class Catalogues:
    """Texts of one package, and their translations.

    :ivar folder: of the translations.
    """

    package: str
    domain: str
    folder: Path

    def template(self) -> Catalog:
        """Return the texts of the sources, untranslated."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "texts.pot")
            pybabel = [sys.executable, "-m", "babel.messages.frontend", "-q"]
            extract = ["extract", *EXTRACT, "-o", str(file), self.package]
            subprocess.run([*pybabel, *extract], cwd=ROOT, check=True)
            with file.open("rb") as texts:
                return read_po(texts)

    def files(self) -> list[Path]:
        """Return the catalogues, one for each language."""
        return sorted(self.folder.glob(f"*/LC_MESSAGES/{self.domain}.po"))

    def path(self, locale: str) -> Path:
        """Return where the catalogue of a language lies."""
        return self.folder / locale / "LC_MESSAGES" / f"{self.domain}.po"

    def renew(self) -> int:
        """Bring every catalogue up to the sources, and print what each lacks."""
        texts = self.template()
        found = 0
        for path in self.files():
            catalogue = read(path)
            catalogue.update(texts, no_fuzzy_matching=True, update_creation_date=False)
            made = BytesIO()
            write_po(made, catalogue, width=88, ignore_obsolete=True, include_lineno=False)
            # Which release of Babel wrote it would be a change without one.
            kept = (
                line for line in made.getvalue().splitlines(True) if b"Generated-By" not in line
            )
            path.write_bytes(b"".join(kept))
            path.with_suffix(".mo").write_bytes(compiled(read(path)))
            missing = list(lacks(catalogue))
            told = f"{len(catalogue)} texts, {len(missing)} to be translated"
            print(f"{self.package}, {language(path)}: {told}")
            for text in missing:
                print(f"  {text}")
            found += len(missing)
        return found


def _of(package: str, domain: str) -> Catalogues:
    return Catalogues(package, domain, ROOT / package / "translations")


EXTENSION = _of("flask_idverify", "idverify")
#: The example's own, which it has as any host would.
BANK = _of("example_app", "messages")
ALL = (EXTENSION, BANK)


def language(path: Path) -> str:
    """Return the locale of a catalogue by where it lies."""
    return path.parent.parent.name


def read(path: Path) -> Catalog:
    """Return a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=language(path))


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as programs read it."""
    made = BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def lacks(catalogue: Catalog) -> Iterator[str]:
    """Yield the texts that are not translated, or of whose translation somebody is not sure."""
    for message in catalogue:
        parts = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and (message.fuzzy or not all(parts)):
            yield message.id if isinstance(message.id, str) else message.id[0]


def write(folder: Path, domain: str, catalogue: Catalog) -> None:
    """Write a compiled catalogue into a host's directory of translations."""
    place = folder / str(catalogue.locale) / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{domain}.mo").write_bytes(compiled(catalogue))


if __name__ == "__main__":
    sys.exit(1 if sum(each.renew() for each in ALL) else 0)
