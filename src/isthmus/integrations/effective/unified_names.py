"""Matches the names of unified calls with what an environment has, and makes the NotFound errors for unknown
names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from isthmus.errors import NotFound
from isthmus.integrations.rows.unknown_names import make_unknown_name_error
from isthmus.kit.close_names import find_name_ignoring_separator

__all__ = ["match_names", "model_not_installed_error", "unmapped_error"]


def match_names(
    model: str, methods_by_resource: Mapping[str, Sequence[str] | None], resource: str, method: str
) -> tuple[str, str]:
    """Returns the model's names for `resource` and `method`, which may be written with `-` for `_` or the
    other way round.

    A resource without methods in `methods_by_resource` allows every method. Raises NotFound for an unknown
    resource or method.
    """
    name = find_name_ignoring_separator(resource, methods_by_resource)
    if name is None:
        raise make_unknown_name_error(
            f"the unified model {model} has no resource {resource}",
            resource,
            methods_by_resource,
            f"Its resources: {', '.join(sorted(methods_by_resource))}.",
        )
    methods = methods_by_resource[name]
    if not methods:
        return name, method
    method_name = find_name_ignoring_separator(method, methods)
    if method_name is None:
        raise make_unknown_name_error(
            f"{model}/{name} has no method {method}", method, methods, f"Its methods: {', '.join(methods)}."
        )
    return name, method_name


def model_not_installed_error(name: str, installed: Collection[str]) -> NotFound:
    """Returns the error for a unified model that is not installed, with names close to it."""
    return make_unknown_name_error(
        f"no unified model {name} is installed in this environment",
        name,
        installed,
        "GET /environment-unified-model lists what is installed; POST there installs another.",
    )


def unmapped_error(
    integration: str, model: str, resource: str, method: str, mapped: Collection[str]
) -> NotFound:
    """Returns the error for a method that the integration is not mapped to. `mapped`: `resource.method` of
    each mapping that it has in the model."""
    return make_unknown_name_error(
        f"{integration} has no mapping for {model}/{resource} method {method}",
        f"{resource}.{method}",
        mapped,
        f"Mapped for {integration}: {', '.join(sorted(mapped))}."
        if mapped
        else f"GET /integration/{integration}/unified-apis lists the models it is mapped to.",
    )
