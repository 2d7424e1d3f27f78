"""Builds the style sheet with the colours that an environment has chosen for its connect pages."""

from __future__ import annotations

from isthmus.tenancy.connect_settings import Theme

__all__ = ["build_style_sheet"]

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def build_style_sheet(theme: Theme) -> str:
    """Returns the CSS of a theme; empty for the default one. Text on an accent is black or white, whichever
    has more contrast, so that any accent passes WCAG 2.2 AA (1.4.3)."""
    light = [f"--radius: {theme.radius}px;"] if theme.radius is not None else []
    light += _build_accent_rules(theme.accent)
    dark = _build_accent_rules(theme.accent_dark or theme.accent)
    sheets = []
    if light:
        sheets.append(f":root {{ {' '.join(light)} }}\n")
    if dark:
        sheets.append(f"@media (prefers-color-scheme: dark) {{ :root {{ {' '.join(dark)} }} }}\n")
    return "".join(sheets)


def _build_accent_rules(colour: str | None) -> list[str]:
    """Returns the CSS declarations of an accent colour; none for None."""
    if colour is None:
        return []
    return [f"--accent: {colour};", f"--on-accent: {_choose_text_colour(colour)};"]


def _choose_text_colour(colour: str) -> str:
    """Returns black or white, whichever has more contrast to the colour (WCAG 2.2, contrast ratio). `colour`:
    as `#rrggbb`."""
    red, green, blue = (_linearize(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = _RED * red + _GREEN * green + _BLUE * blue
    contrasts = {"#ffffff": 1.05 / (luminance + 0.05), "#000000": (luminance + 0.05) / 0.05}
    return max(contrasts, key=contrasts.__getitem__)


def _linearize(channel: float) -> float:
    """Converts a channel of sRGB, 0 to 1, to linear light (WCAG 2.2, relative luminance)."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
