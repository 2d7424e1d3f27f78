"""What a wheel brings along beside the code, and that the code finds it there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.matrix

ROOT = Path(__file__).parents[3]
FOUND = """
import isthmus
from isthmus.config import Settings
from isthmus.integrations.catalog.shipped_files import find_catalog
from isthmus.ui import static_files as files, rendering

assert isthmus.__file__.startswith({place!r}), isthmus.__file__
catalog = find_catalog()
assert str(catalog.path).startswith({place!r}), catalog.path
assert (catalog.path / "integrations" / "jira" / "integration.yaml").is_file()
sdk = files._find_sdk_folder()
assert (sdk / "link.js").is_file()
assert str(sdk).startswith({place!r}), sdk
assert files.compute_assets_digest()
from jinja2 import Environment, PackageLoader
names = PackageLoader("isthmus.ui").list_templates()
assert "pick.html" in names, names
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend that is installed here; nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def below(folder: str) -> set[str]:
    """Files that are kept in the repository."""
    command = ["git", "ls-files", "-z", folder]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name}


def test_a_wheel_has_the_script_the_catalogue_and_the_pages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = {f"isthmus/{name}" for folder in ("sdk", "catalog") for name in below(folder)}
    wanted |= {name.removeprefix("src/") for name in below("src/isthmus")}
    assert {"isthmus/sdk/link.js", "isthmus/sdk/link.d.ts", "isthmus/ui/templates/pick.html"} <= wanted
    assert wanted <= names, sorted(wanted - names)[:10]
    assert not [name for name in names if name.startswith(("tests/", "bench/")) or "node_modules" in name]


def test_an_installed_wheel_finds_what_it_brought(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(place)
    code = f"import sys; sys.path.insert(0, {str(place)!r})\n" + FOUND.format(place=str(place))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
