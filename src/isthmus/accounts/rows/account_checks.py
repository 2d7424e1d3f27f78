"""Checks accounts before they are written: fields, credentials and mapping overrides, and allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.credential_form import validate_form
from isthmus.definitions.credentials import Credential, resolve_credential_format
from isthmus.errors import BadRequest, NotFound, failure
from isthmus.integrations.effective.environment_models import read_model_names, read_models
from isthmus.integrations.mappings.mapping_rows import iter_override_mappings
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.definition_checks import check_mapping_override
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.unknown_names import check_resource_and_method, suggest_names
from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "FAILED_STATUSES",
    "MAX_TENANT_ID_LENGTH",
    "REGIONS",
    "SANDBOX_METHOD",
    "STATUSES",
    "account_not_found_error",
    "check_fields",
    "check_mapping_overrides",
    "find_credential_format",
    "validate_credentials",
]

REGIONS: Final = ("wnam", "enam", "apac", "eu")
STATUSES: Final = ("connecting", "active", "post_install_error", "validation_error", "needs_reauth")
FAILED_STATUSES: Final = frozenset({"post_install_error", "validation_error", "needs_reauth"})
SANDBOX_METHOD: Final = "sandbox"
MAX_TENANT_ID_LENGTH: Final = 500
_OAUTH: Final = "oauth"
_REQUIRED: Final = ("tenant_id", "environment_integration_id", "authentication_method", "context")


def check_fields(values: Mapping[str, Any], *, creating: bool) -> None:
    """Raises BadRequest that lists all missing and invalid fields of an account in a request body."""
    failures = Failures()
    for name in _REQUIRED if creating else ():
        if values.get(name) is None:
            failures.add(name, "is required", "required")
    for name, most in (
        ("tenant_id", MAX_TENANT_ID_LENGTH),
        ("authentication_method", None),
        ("environment_integration_id", None),
    ):
        if values.get(name) is not None or (name in values and not creating):
            failures.check_text(name, values[name], max_length=most)
    if values.get("context") is not None or ("context" in values and not creating):
        failures.check_object("context", values["context"])
    _check_oauth(values.get("context"), failures)
    for name in ("unified_model_override", "integration_override"):
        if values.get(name) is not None:
            failures.check_object(name, values[name])
    if values.get("region") is not None and creating:
        failures.check_one_of("region", values["region"], REGIONS)
    if "status" in values and not creating:
        failures.check_one_of("status", values["status"], STATUSES)
    failures.raise_if_any("the integrated account is not valid")


def _check_oauth(context: Any, failures: Failures) -> None:
    """Report `oauth` and `oauth.token` where they are no objects: they are merged into the stored ones, and
    any other value would replace tokens that were left out."""
    value, path = context, "context"
    for name in (_OAUTH, "token"):
        value, path = value.get(name) if isinstance(value, Mapping) else None, f"{path}.{name}"
        if value is not None:
            failures.check_object(path, value)


def find_credential_format(credentials: Mapping[str, Credential], authentication_method: str) -> str:
    """Return the name of the credential format of an `authentication_method`; `basic` is an alias of
    `api_key`. Raises BadRequest for one that the integration does not offer."""
    name = resolve_credential_format(authentication_method)
    if name in credentials:
        return name
    offered = ", ".join(credentials) or "none"
    raise BadRequest(
        f"authentication_method {authentication_method} is not offered by this integration. "
        f"It offers: {offered}.",
        failures=[failure("authentication_method", f"must be one of {offered}", "unknown_method")],
    )


def validate_credentials(
    credentials: Mapping[str, Credential], method: str, context: Mapping[str, Any], *, complete: bool
) -> dict[str, Any]:
    """Return the context with its credential fields as they are to be stored. Raises BadRequest that lists
    the invalid fields. `complete`: all required fields must be there and, for OAuth formats, an access
    token."""
    credential = credentials.get(method)
    if credential is None:  # a sandbox account has no form
        return dict(context)
    failures = Failures()
    result = validate_form(credential.config.fields, context, failures.add, complete=complete)
    if complete and credential.format != "api_key":
        token: Any = result
        for name in (_OAUTH, "token", "access_token"):
            token = token.get(name) if isinstance(token, Mapping) else None
        if not isinstance(token, str) or not token:
            failures.add(
                "context.oauth.token.access_token",
                f"is required: connect with {method} elsewhere and import its token",
                "required",
            )
    failures.raise_if_any(f"the credentials do not fit {method}")
    return result


async def check_mapping_overrides(
    conn: AsyncConnection, scope: Scope, override: Any, stored: Mapping[str, Any] | None = None
) -> list[CallWarning]:
    """Return warnings on a `unified_model_override`: `{model: {resource: {method: mapping}}}`, where null at
    any level counts as absent. Raises BadRequest for an invalid one. The error is about the first malformed
    entry; if there is none, it lists all unknown names. Names that `stored` has already are accepted even if
    they no longer exist."""
    warnings: list[CallWarning] = []
    for model, resources in _list_entries(override, "unified_model_override"):
        for resource, methods in _list_entries(resources, f"unified_model_override.{model}"):
            for method, config in _list_entries(methods, f"unified_model_override.{model}.{resource}"):
                field = f"unified_model_override.{model}.{resource}.{method}"
                if config is None:
                    continue
                if not isinstance(config, Mapping):
                    raise _not_an_object_error(field)
                warnings += check_mapping_override(config, source=f"{model}/{resource}.{method}", field=field)
    added = set(iter_override_mappings(override or {})) - set(iter_override_mappings(stored or {}))
    if added:
        model_names = {name for name, _, _ in added}
        visible_models = await read_models(conn, scope, only_installed=False, names=model_names)
        models = {unified_model.name: unified_model for unified_model in visible_models}
        known_names = (
            [] if model_names.issubset(models) else await read_model_names(conn, scope, only_installed=False)
        )
        failures = Failures()
        for name, resource, method in sorted(added):
            at = f"unified_model_override.{name}"
            if name not in models:
                failures.add(
                    at, f"must be a unified model: {suggest_names(name, known_names)}", "unknown_model"
                )
                continue
            paths = (f"{at}.{resource}", f"{at}.{resource}.{method}")
            check_resource_and_method(failures, name, models[name].resources, (resource, method), paths)
        failures.raise_if_any("the mapping override names what is not there")
    return warnings


def _list_entries(value: Any, field: str) -> list[tuple[str, Any]]:
    """Return the (name, value) entries of an object, none for null. Raises BadRequest for any other value."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise _not_an_object_error(field)
    return list(value.items())


def account_not_found_error(id: str) -> NotFound:
    """Return the error for an account that does not exist, or belongs to another environment."""
    return NotFound(
        f"no integrated account {id} in this environment. GET /integrated-account lists its accounts."
    )


def _not_an_object_error(field: str) -> BadRequest:
    """Return the error for a field that must be an object."""
    return BadRequest(f"{field} must be an object.", failures=[failure(field, "must be an object", "type")])
