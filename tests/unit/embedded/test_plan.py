"""What is looked at before the first part starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorebase.embedded.errors import StackError
from lorebase.embedded.home import open_home
from lorebase.embedded.plan import default_plan
from tests.factories import make_settings


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[profile]]\nname = "ours"\nalpha = 1', r"profile 1 \(ours\)"),
        ('[[profile]]\nname = "hyde"\nversion = 2\ndescription = "Ours."', "hyde@2 is built in"),
    ],
)
def test_profiles_that_cannot_be_used_are_told_before_anything_starts(
    tmp_path: Path, text: str, why: str
) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    home = open_home(tmp_path / "home")
    before = sorted(home.path.rglob("*"))
    with pytest.raises(StackError, match=why):
        default_plan(make_settings(retrieval_profiles=path), home)
    assert sorted(home.path.rglob("*")) == before
