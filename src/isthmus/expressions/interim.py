"""The engine behind the door until our compiler stands: `jlens`, without extension functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

import jlens

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.library import Library, Services
from isthmus.expressions.limits import MAX_SOURCE, Limits
from isthmus.expressions.values import UNDEFINED

_OPEN = '{"v": ('
_NAME = re.compile(r"(?<![\w$.`\"'])([A-Za-z_]\w*)(?!\s*\()")


class Expression:
    """A compiled expression."""

    def __init__(self, text: str, library: Library) -> None:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
            raise ExpressionError(
                LIMIT, f"The expression is longer than {MAX_SOURCE} bytes", value=MAX_SOURCE
            )
        self.text = text
        self.library = library
        try:
            self._engine = jlens.Expression(text)
            self._boxed = jlens.Expression(f"{_OPEN}{text}\n)}}")
        except jlens.JlensError as error:
            raise _translated(error, text) from None

    @property
    def names(self) -> frozenset[str]:
        """Top-level names that the expression reads from its root."""
        reads = self._engine.reads()
        found = reads.get("input")
        return frozenset(found) if isinstance(found, dict) else frozenset(_NAME.findall(self.text))

    def reads_path(self, *names: str) -> bool:
        """Does the expression contain a path that starts with these names?"""
        pattern = r"(?<![\w$.])" + r"\s*\.\s*".join(re.escape(name) for name in names) + r"(?!\w)"
        return re.search(pattern, self.text) is not None

    def evaluate(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> object:
        """The value for this input; `UNDEFINED` when there is none."""
        limits = limits or Limits()
        del services
        try:
            result = self._boxed.evaluate(
                None if input is UNDEFINED else input,
                dict(bindings) if bindings else None,
                timeout=limits.seconds,
                max_depth=limits.depth,
            )
        except jlens.JlensError as error:
            raise _translated(error, self.text, len(_OPEN)) from None
        return result.get("v", UNDEFINED)

    async def evaluate_async(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> object:
        """As `evaluate`, awaiting asynchronous functions."""
        return self.evaluate(input, bindings, limits=limits, services=services)


def _translated(error: jlens.JlensError, text: str, shift: int = 0) -> ExpressionError:
    message = error.args[0] if error.args else error.code
    position = None if error.position is None else max(0, error.position - shift)
    return ExpressionError(error.code, str(message), position, token=error.token, text=text)
