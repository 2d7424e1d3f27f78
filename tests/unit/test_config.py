"""Settings: what the environment may say, and what is said back when it can't be right."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest

from isthmus.config import Settings, reference
from isthmus.config.reference import render_reference
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

KEY = "a-random-looking-key-0123456789-abcdef"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_nothing_set_is_the_embedded_default() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.data_dir == Path(".isthmus")
    assert (
        settings.resolved_database_url.reveal() == f"sqlite:///{Path.cwd() / '.isthmus' / 'isthmus.sqlite3'}"
    )
    assert (settings.token_rate_limit, settings.account_rate_limit) == (0, 0)
    assert settings.egress_allow == ()


def test_everything_can_be_set() -> None:
    settings = Settings.from_environment(
        {
            "ISTHMUS_DATA_DIR": "/var/lib/isthmus",
            "ISTHMUS_DATABASE_URL": "postgresql://u:p@h/d",
            "ISTHMUS_DATABASE_POOL_SIZE": "4",
            "ISTHMUS_SECRET_KEY": f" {KEY} , {KEY}-older ,",
            "ISTHMUS_BOOTSTRAP_TOKEN": "a-token-of-my-own",
            "ISTHMUS_PUBLIC_API_URL": "https://api.example.com/isthmus/",
            "ISTHMUS_PUBLIC_APP_URL": "http://127.0.0.1:8000",
            "ISTHMUS_EGRESS_ALLOW": "127.0.0.0/8, ::1, 10.1.2.3/16",
            "ISTHMUS_TOKEN_RATE_LIMIT": "500",
            "ISTHMUS_ACCOUNT_RATE_LIMIT": "50",
            "ISTHMUS_DATETIME_STYLE": "iso",
            "ISTHMUS_CONNECT_TIMEOUT_SECONDS": "2.5",
            "ISTHMUS_MAX_REQUEST_BYTES": "1048576",
            "ISTHMUS_MAX_RESPONSE_BYTES": "2097152",
        }
    )
    assert settings.secret_key is not None
    assert settings.secret_key.reveal() == (KEY, f"{KEY}-older")
    assert settings.public_api_url == "https://api.example.com/isthmus"
    assert settings.egress_allow == (ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.1.0.0/16"))
    assert settings.connect_timeout_seconds == 2.5
    assert settings.resolved_database_url.reveal() == "postgresql://u:p@h/d"


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment({"ISTHMUS_SECRET_KEY": "", "ISTHMUS_DATA_DIR": "  "}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("ISTHMUS_SECRET_KEY", "hunter2", "at least 32"),
        ("ISTHMUS_SECRET_KEY", "a" * 40, "random"),
        ("ISTHMUS_SECRET_KEY", f"{KEY},hunter2", "token_urlsafe"),
        ("ISTHMUS_SECRET_KEY", ",", "one key"),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "short", "at least 8"),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "with a space in it", "without spaces"),
        ("ISTHMUS_PUBLIC_API_URL", "api.example.com", "absolute http"),
        ("ISTHMUS_PUBLIC_APP_URL", "ftp://example.com", "absolute http"),
        ("ISTHMUS_EGRESS_ALLOW", "localhost", "127.0.0.0/8"),
        ("ISTHMUS_TOKEN_RATE_LIMIT", "-1", "whole number from 0"),
        ("ISTHMUS_ACCOUNT_RATE_LIMIT", "many", "whole number from 0"),
        ("ISTHMUS_DATETIME_STYLE", "rfc", "one of space, iso"),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "nan", "seconds from 0.1 to 300"),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "1e9", "seconds from"),
        ("ISTHMUS_MAX_RESPONSE_BYTES", "50 MB", "whole number from"),
        ("ISTHMUS_DATABASE_POOL_SIZE", "1", "from 2 to 200"),
    ],
)
def test_a_value_that_cannot_be_right_is_named_with_what_would_be(
    variable: str, value: str, right: str
) -> None:
    with pytest.raises(SetupError, match=right) as caught:
        Settings.from_environment({variable: value})
    assert caught.value.message.startswith(variable)


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("ISTHMUS_SECRET_KEY", "abcdefghijklmnopqrstuvwxyz01234", "random keys of at least 32"),  # 31
        ("ISTHMUS_SECRET_KEY", "abcdefghi" * 4, "random keys"),  # nine different characters
        ("ISTHMUS_SECRET_KEY", "abcdefghijklmnopqrstuvwxyz012345é", "ASCII"),
        ("ISTHMUS_SECRET_KEY", "abcdefghijklmnop qrstuvwxyz012345", "without spaces"),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "seven-7", "at least 8"),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "bell\x07bell", "printable ASCII"),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "caféterias", "printable ASCII"),
        ("ISTHMUS_PUBLIC_API_URL", "https:///path", "absolute http"),
        ("ISTHMUS_PUBLIC_API_URL", "https://example.com/?a=b", "absolute http"),
        ("ISTHMUS_PUBLIC_API_URL", "https://example.com/#a", "absolute http"),
        ("ISTHMUS_DATABASE_POOL_SIZE", "201", "from 2 to 200"),
        ("ISTHMUS_DATABASE_POOL_SIZE", "+5", "from 2 to 200"),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "0.09", "from 0.1 to 300"),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "300.01", "from 0.1 to 300"),
        ("ISTHMUS_FUNCTION_HOSTS", "example.com:8443", "without paths and ports"),
        ("ISTHMUS_FUNCTION_HOSTS", "https://example.com", "without paths and ports"),
        ("ISTHMUS_FUNCTION_HOSTS", "exämple.com", "host names"),
        ("ISTHMUS_EXPRESSION_LIMITS", "=10", "name=number"),
        ("ISTHMUS_EXPRESSION_LIMITS", "seconds=0", "name=number"),
        ("ISTHMUS_EXPRESSION_LIMITS", "seconds=-1", "name=number"),
        ("ISTHMUS_EXPRESSION_LIMITS", "seconds=1e12", "name=number"),
        ("ISTHMUS_EXPRESSION_LIMITS", "seconds=many", "name=number"),
        ("ISTHMUS_EXPRESSION_LIMITS", "seconds", "name=number"),
        ("ISTHMUS_STRICT_VERSION", "yes", "true or false"),
        ("ISTHMUS_TOOL_NAME_TEMPLATE", "{method}", "must be among them"),
        ("ISTHMUS_TOOL_NAME_TEMPLATE", "{resource}", "must be among them"),
        ("ISTHMUS_TOOL_NAME_TEMPLATE", "{method} {resource}", "letters, digits"),
        ("ISTHMUS_TOOL_NAME_TEMPLATE", "{method}_{resource}_{other}", "letters, digits"),
    ],
)
def test_a_value_just_beyond_a_bound_is_refused(variable: str, value: str, right: str) -> None:
    with pytest.raises(SetupError, match=right):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize(
    ("variable", "value", "field", "wanted"),
    [
        (
            "ISTHMUS_SECRET_KEY",
            "abcdefghijklmnopqrstuvwxyz012345",
            "secret_key",
            Secret(("abcdefghijklmnopqrstuvwxyz012345",)),
        ),
        ("ISTHMUS_SECRET_KEY", "abcdefghij" * 4, "secret_key", Secret(("abcdefghij" * 4,))),
        ("ISTHMUS_BOOTSTRAP_TOKEN", "eight-88", "bootstrap_token", Secret("eight-88")),
        ("ISTHMUS_DATABASE_POOL_SIZE", "2", "database_pool_size", 2),
        ("ISTHMUS_DATABASE_POOL_SIZE", "200", "database_pool_size", 200),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "0.1", "connect_timeout_seconds", 0.1),
        ("ISTHMUS_CONNECT_TIMEOUT_SECONDS", "300", "connect_timeout_seconds", 300.0),
        ("ISTHMUS_PUBLIC_API_URL", "http://example.com/", "public_api_url", "http://example.com"),
        ("ISTHMUS_EGRESS_ALLOW", "10.0.0.0/8,,", "egress_allow", (ip_network("10.0.0.0/8"),)),
        (
            "ISTHMUS_FUNCTION_HOSTS",
            "API.Example.com, ,http://parser.internal",
            "function_hosts",
            ("api.example.com", "http://parser.internal"),
        ),
        (
            "ISTHMUS_EXPRESSION_LIMITS",
            "seconds=0.5, ,items = 999999999999",
            "expression_limits",
            {"seconds": 0.5, "items": 999_999_999_999.0},
        ),
        ("ISTHMUS_STRICT_VERSION", "TRUE", "strict_version", True),
        ("ISTHMUS_STRICT_VERSION", "1", "strict_version", True),
        ("ISTHMUS_RENEW_AHEAD", "0", "renew_ahead", False),
        ("ISTHMUS_RENEW_AHEAD", "False", "renew_ahead", False),
        ("ISTHMUS_TOOL_NAME_TEMPLATE", "{method}-{one}", "tool_name_template", "{method}-{one}"),
        (
            "ISTHMUS_TOOL_NAME_TEMPLATE",
            "{integration}_{method}_{resource}",
            "tool_name_template",
            "{integration}_{method}_{resource}",
        ),
    ],
)
def test_a_value_at_a_bound_is_taken(variable: str, value: str, field: str, wanted: object) -> None:
    assert getattr(Settings.from_environment({variable: value}), field) == wanted


def test_all_bad_values_are_named_at_once_and_none_is_repeated() -> None:
    with pytest.raises(SetupError) as caught:
        Settings.from_environment({"ISTHMUS_SECRET_KEY": "hunter2", "ISTHMUS_DATETIME_STYLE": "x"})
    assert "ISTHMUS_SECRET_KEY" in caught.value.message
    assert "ISTHMUS_DATETIME_STYLE" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_settings_cannot_be_changed_and_show_no_secret() -> None:
    settings = Settings.from_environment(
        {"ISTHMUS_SECRET_KEY": KEY, "ISTHMUS_DATABASE_URL": "postgresql://u:pw@h/d"}
    )
    with pytest.raises(FrozenInstanceError):
        settings.token_rate_limit = 5  # type: ignore[misc]  # the point of the test
    assert KEY not in repr(settings)
    assert "pw" not in repr(settings)


def test_the_reference_page_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(reference.__file__, run_name="__main__")
    assert PAGE.read_text() == capsys.readouterr().out, (
        "run: python -m isthmus.config.reference > docs/reference/settings.md"
    )


def test_every_variable_that_a_command_speaks_of_is_on_the_page() -> None:
    page = render_reference()
    room = Path(__file__).parents[2] / "src" / "isthmus"
    sources = [*(room / "cli").rglob("*.py"), room / "config" / "command_variables.py"]
    named = {name for each in sources for name in re.findall(r"\bISTHMUS_[A-Z_]+[A-Z]", each.read_text())}
    assert {"ISTHMUS_API_URL", "ISTHMUS_API_TOKEN", "ISTHMUS_NEW_SECRET_KEY"} <= named
    assert {name for name in named if f"| `{name}` |" not in page} == set()


_PARSE = """
import resource, sys, orjson
size = int(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
value = orjson.loads(b"[" + b"{}," * ((size - 4) // 3) + b"{}]")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_the_largest_answer_that_is_parsed_takes_no_more_memory_than_documented() -> None:
    size = Settings().max_response_bytes
    command = [sys.executable, "-c", _PARSE, str(size)]
    taken = int(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert taken < 36 * size < 400_000_000


def test_what_functions_of_expressions_may_do_is_set() -> None:
    settings = Settings.from_environment(
        {
            "ISTHMUS_FUNCTION_HOSTS": "API.example.com, http://parser.internal,",
            "ISTHMUS_EXPRESSION_LIMITS": "seconds=2.5, items = 500000",
            "ISTHMUS_PARSE_DOCUMENT": "local",
            "ISTHMUS_STRICT_COMPAT": "True",
        }
    )
    assert settings.function_hosts == ("api.example.com", "http://parser.internal")
    assert settings.expression_limits == {"seconds": 2.5, "items": 500_000}
    assert (settings.parse_document, settings.strict_compat, settings.currency_exact) == (
        "local",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("FUNCTION_HOSTS", "https://api.example.com", "without paths and ports"),
        ("FUNCTION_HOSTS", "api.example.com:8080", "without paths and ports"),
        ("FUNCTION_HOSTS", "api.example.com/v2", "without paths and ports"),
        ("EXPRESSION_LIMITS", "seconds", "name=number"),
        ("EXPRESSION_LIMITS", "seconds=-1", "name=number"),
        ("EXPRESSION_LIMITS", "seconds=nan", "name=number"),
        ("TOOL_NAME_TEMPLATE", "{integration}_{resource}", "{method}"),
        ("TOOL_NAME_TEMPLATE", "{method}_{resource}_{tenant}", "{integration}"),
        ("TOOL_NAME_TEMPLATE", "{method.__class__}_{resource}", "{integration}"),
        ("TOOL_NAME_TEMPLATE", "{method} {one}", "letters, digits"),
        ("PARSE_DOCUMENT", "on", "off, local, remote"),
        ("STRICT_COMPAT", "yes", "true or false"),
    ],
)
def test_a_setting_of_functions_that_cannot_be_right_is_named(name: str, value: str, right: str) -> None:
    with pytest.raises(SetupError, match=f"ISTHMUS_{name} must be .*{right}"):
        Settings.from_environment({f"ISTHMUS_{name}": value})
