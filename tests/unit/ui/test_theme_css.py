"""An environment's look: what stands on an accent can be read, whatever the accent."""

from __future__ import annotations

import re

import pytest

from isthmus.errors import BadRequest
from isthmus.tenancy.connect_settings import ConnectSettings, Theme, check_connect_settings
from isthmus.ui.theme_css import build_style_sheet


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("accent", ["#ffffff", "#000000", "#777777", "#ff0000", "#00ff00", "#0000ff"])
def test_what_stands_on_an_accent_has_the_contrast_of_aa(accent: str) -> None:
    (text,) = re.findall(
        r"--on-accent: (#\w+);", build_style_sheet(Theme(accent=accent)).partition("@media")[0]
    )
    light, dark = sorted((luminance(accent), luminance(text)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_no_theme_is_no_style_sheet() -> None:
    assert build_style_sheet(Theme()) == ""


def test_what_is_stored_and_wrong_is_passed_over() -> None:
    stored = {
        "connect_theme": {"accent": "red; }", "radius": 9},
        "embedding_origins": ["https://a.test", "*"],
    }
    found = ConnectSettings.from_settings(stored)
    assert (found.theme, found.origins) == (Theme(radius=9), ("https://a.test",))


@pytest.mark.parametrize(
    "theme",
    [{"accent": "red"}, {"radius": 99}, {"radius": True}, {"logo": "http://x.test/a.png"}, {"font": "x"}],
)
def test_what_is_sent_and_wrong_is_refused_by_name(theme: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=f"settings.connect_theme.{next(iter(theme))} must be"):
        check_connect_settings({"connect_theme": theme})
