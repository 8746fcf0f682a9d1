"""Reads the settings and says in plain words which of them cannot be used."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import SettingsError

from lorebase.cli.errors import UsageFailed
from lorebase.core.config import Settings, get_settings


def read_settings() -> Settings:
    """The settings of this process. UsageFailed names the variables at fault, never their values."""
    try:
        return get_settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{_variable(problem['loc'])}{problem['msg']}" for problem in error.errors(include_input=False)
        )
        raise UsageFailed(f"The settings cannot be used: {problems}.") from None
    except SettingsError as error:
        raise UsageFailed(f"The settings cannot be used: {error}.") from None


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return ""
    # A setting with a name of its own, such as OPENAI_API_KEY, is reported under that name.
    name = str(location[0])
    return f"{name if name.isupper() else f'LOREBASE_{name.upper()}'}: "
