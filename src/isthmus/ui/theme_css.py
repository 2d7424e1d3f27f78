"""How the pages look in one environment, as a style sheet: the page's own colours, and the environment's."""

from __future__ import annotations

from isthmus.tenancy.connect_settings import Theme

__all__ = ["style_sheet"]

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def style_sheet(theme: Theme) -> str:
    """Empty for the page's own look. What stands on an accent is black or white, whichever reads better, so
    that any accent passes WCAG 2.2 AA (1.4.3)."""
    light = [f"--radius: {theme.radius}px;"] if theme.radius is not None else []
    light += _accent(theme.accent)
    dark = _accent(theme.accent_dark or theme.accent)
    sheets = []
    if light:
        sheets.append(f":root {{ {' '.join(light)} }}\n")
    if dark:
        sheets.append(f"@media (prefers-color-scheme: dark) {{ :root {{ {' '.join(dark)} }} }}\n")
    return "".join(sheets)


def _accent(colour: str | None) -> list[str]:
    if colour is None:
        return []
    return [f"--accent: {colour};", f"--on-accent: {_readable_on(colour)};"]


def _readable_on(colour: str) -> str:
    """WCAG 2.2, relative luminance: white above black where the contrast is larger."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = _RED * red + _GREEN * green + _BLUE * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
