"""Each static gate passes as things stand and fails on a violation that is planted for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.matrix

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "pyproject.toml"
BIN = Path(sys.executable).parent

Finished = subprocess.CompletedProcess[str]


def run(
    *command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None, text: str = ""
) -> Finished:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**settings, **(env or {})},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


class TestRuff:
    @pytest.mark.parametrize(
        ("code", "text"),
        [
            ("F401", "import os\n"),
            ("T201", "print('seen by nobody')\n"),
            ("S307", "eval('1')\n"),
            ("C901", "def f(x):\n" + "".join(f"    if x == {n}:\n        x += 1\n" for n in range(14))),
        ],
    )
    def test_a_planted_violation_is_refused(self, code: str, text: str) -> None:
        checked = run(BIN / "ruff", "check", "--stdin-filename", "src/isthmus/planted.py", "-", text=text)
        assert checked.returncode == 1
        assert code in checked.stdout

    def test_clean_code_passes(self) -> None:
        checked = run(
            BIN / "ruff", "check", "--stdin-filename", "src/isthmus/planted.py", "-", text="X = 1\n"
        )
        assert checked.returncode == 0, checked.stdout

    def test_planted_untidy_code_is_refused(self) -> None:
        planted = run(
            BIN / "ruff", "format", "--check", "--stdin-filename", "planted.py", "-", text="x  =  1\n"
        )
        assert planted.returncode == 1


class TestMypy:
    def check(self, folder: Path, text: str) -> Finished:
        (folder / "planted.py").write_text(text)
        return run(
            BIN / "mypy", "--config-file", CONFIG, "--cache-dir", folder / "cache", folder / "planted.py"
        )

    def test_a_planted_untyped_function_is_refused(self, tmp_path: Path) -> None:
        checked = self.check(tmp_path, "def f(x):\n    return x\n\n\ny: int = 'one'\n")
        assert checked.returncode == 1
        assert "[no-untyped-def]" in checked.stdout
        assert "[assignment]" in checked.stdout

    def test_typed_code_passes(self, tmp_path: Path) -> None:
        checked = self.check(tmp_path, "def f(x: int) -> int:\n    return x\n")
        assert checked.returncode == 0, checked.stdout


class TestImportOrder:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        """The package as it stands, where a violation can be planted."""
        shutil.copytree(
            ROOT / "src" / "isthmus",
            tmp_path / "isthmus",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(CONFIG, tmp_path)
        return tmp_path

    def lint(self, copy: Path) -> Finished:
        return run(BIN / "lint-imports", "--no-cache", cwd=copy, env={"PYTHONPATH": str(copy)})

    def test_the_house_is_in_order(self, copy: Path) -> None:
        checked = self.lint(copy)
        assert checked.returncode == 0, checked.stdout

    @pytest.mark.parametrize(
        ("room", "upstairs"),
        [("errors.py", "kit.clock"), ("http/planted.py", "expressions"), ("engine/planted.py", "db")],
    )
    def test_a_planted_import_that_points_up_is_refused(self, copy: Path, room: str, upstairs: str) -> None:
        with (copy / "isthmus" / room).open("a") as file:
            file.write(f"\nimport isthmus.{upstairs}\n")
        checked = self.lint(copy)
        assert checked.returncode == 1
        assert "Imports point down the house BROKEN" in checked.stdout

    def test_a_planted_import_of_authoring_by_the_server_is_refused(self, copy: Path) -> None:
        with (copy / "isthmus" / "app.py").open("a") as file:
            file.write("\nimport isthmus.authoring.lint\n")
        checked = self.lint(copy)
        assert checked.returncode == 1
        assert "A server runs without what only authors use BROKEN" in checked.stdout

    def test_a_planted_import_against_the_order_of_folders_is_refused(self, copy: Path) -> None:
        for room, upstairs in (
            ("integrations/rows", "integrations.catalog"),
            ("authoring/lint", "authoring.contract"),
        ):
            (copy / "isthmus" / room / "planted.py").write_text(f"import isthmus.{upstairs}\n")
        checked = self.lint(copy)
        assert checked.returncode == 1
        for name in ("integrations: from what describes them down to their rows", "authoring"):
            assert f"The folders of {name} BROKEN" in checked.stdout.replace("\n", " ")

    def test_a_planted_query_in_a_page_is_refused(self, copy: Path) -> None:
        with (copy / "isthmus" / "ui" / "pages.py").open("a") as file:
            file.write("\nfrom sqlalchemy import select\n")
        checked = self.lint(copy)
        assert checked.returncode == 1
        assert "The API, the pages and the command line hold no SQL BROKEN" in checked.stdout

    def test_a_planted_room_without_a_floor_is_refused(self, copy: Path) -> None:
        (copy / "isthmus" / "attic.py").write_text("")
        checked = self.lint(copy)
        assert checked.returncode == 1
        assert "attic" in checked.stdout


class TestPytest:
    def collect(self, folder: Path, text: str) -> Finished:
        (folder / "test_planted.py").write_text(text)
        return run(
            sys.executable, "-m", "pytest", "-q", "-c", CONFIG, "--rootdir", folder, "-p", "no:cacheprovider",
            "-p", "tests.skips", folder / "test_planted.py",
        )  # fmt: skip

    def test_a_planted_warning_fails_the_test(self, tmp_path: Path) -> None:
        text = "import warnings\n\n\ndef test_it():\n    warnings.warn('old')\n"
        checked = self.collect(tmp_path, text)
        assert checked.returncode == 1
        assert "UserWarning: old" in checked.stdout

    def test_a_planted_coroutine_that_nobody_awaits_fails_the_test(self, tmp_path: Path) -> None:
        text = "async def forgotten(): ...\n\n\ndef test_it():\n    forgotten()\n"
        assert self.collect(tmp_path, text).returncode == 1

    def test_an_expected_failure_that_passes_fails(self, tmp_path: Path) -> None:
        text = "import pytest\n\n\n@pytest.mark.xfail(reason='x')\ndef test_it(): ...\n"
        assert self.collect(tmp_path, text).returncode == 1

    def test_a_planted_unknown_marker_fails(self, tmp_path: Path) -> None:
        text = "import pytest\n\n\n@pytest.mark.slowly\ndef test_it(): ...\n"
        assert self.collect(tmp_path, text).returncode != 0

    SKIP = "import pytest\n\n\ndef test_it():\n    pytest.skip({reason!r})\n"
    MODULE_SKIP = "import pytest\n\npytest.skip({reason!r}, allow_module_level=True)\n"

    @pytest.mark.parametrize("template", [SKIP, MODULE_SKIP])
    def test_a_planted_skip_fails(self, tmp_path: Path, template: str) -> None:
        text = template.format(reason="no browser here")
        refused = self.collect(tmp_path, text)
        assert refused.returncode not in (0, 5)
        assert "nothing may be but for absent shared files: Skipped: no browser here" in refused.stdout

    @pytest.mark.parametrize("template", [SKIP, MODULE_SKIP])
    def test_what_needs_absent_shared_files_may_be_skipped(self, tmp_path: Path, template: str) -> None:
        text = template.format(reason="shared vendor-data absent")
        assert self.collect(tmp_path, text).returncode in (0, 5)
