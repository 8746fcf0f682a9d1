"""The file of retrieval profiles: what it may hold, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorebase.clients.profile_file import read_profiles
from lorebase.core.errors import Permanent
from lorebase.schemas.retrieval_profiles import ExpansionMethod, RetrievalProfile
from lorebase.schemas.search import SearchMode

EXAMPLE = """
[[profile]]
name = "contracts"
version = 2
description = "Contracts: words count more than meaning."
mode = "hybrid"
vector_weight = 0.2
expansion = "multi-query"
variants = 2
rerank = true
collapse_copies = true
mmr_lambda = 0.7

[[profile]]
name = "by-meaning"
version = 1
description = "By meaning alone."
mode = "vector"
"""
GOOD = 'name = "a"\nversion = 1\ndescription = "A."'


def written(folder: Path, text: str) -> Path:
    path = folder / "profiles.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_nothing_is_declared() -> None:
    assert read_profiles(None) == ()


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    assert read_profiles(written(tmp_path, "# Later.")) == ()


def test_every_setting_of_a_profile_can_be_declared(tmp_path: Path) -> None:
    first, second = read_profiles(written(tmp_path, EXAMPLE))
    assert first == RetrievalProfile(
        name="contracts",
        version=2,
        description="Contracts: words count more than meaning.",
        mode=SearchMode.HYBRID,
        vector_weight=0.2,
        expansion=ExpansionMethod.MULTI_QUERY,
        variants=2,
        rerank=True,
        collapse_copies=True,
        mmr_lambda=0.7,
    )
    assert (second.key, second.mode, second.rerank) == ("by-meaning@1", SearchMode.VECTOR, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[profile]\n", "cannot be read"),
        ('profile = "a"', r"tables \[\[profile\]\]"),
        (f"[profile]\n{GOOD}", r"tables \[\[profile\]\]"),
        (f"[[profiles]]\n{GOOD}", "holds profiles"),
        (
            '[[profile]]\nversion = 1\ndescription = "A."',
            r"profile 1 \(without a name\): name: Field required",
        ),
        (f"[[profile]]\n{GOOD}\n[[profile]]\nname = 'b'", r"profile 2 \(b\): version: Field required"),
        (f"[[profile]]\n{GOOD}\nmmr_lambda = 2", r"profile 1 \(a\): mmr_lambda: .*less than or equal to 1"),
        (f"[[profile]]\n{GOOD}\nmode = 'both'", r"profile 1 \(a\): mode: "),
        (f"[[profile]]\n{GOOD}\nalpha = 0.5", r"profile 1 \(a\): alpha: Extra inputs are not permitted"),
        (f"[[profile]]\n{GOOD}\nvariants = 6", r"profile 1 \(a\): variants: "),
        (f"[[profile]]\n{GOOD}\nexpansion = 'hyde'\nmode = 'keyword'", "the whole: .*hyde works on vectors"),
        ('[[profile]]\nname = "A b"\nversion = 1\ndescription = "A."', r"name: String should match"),
        ('[[profile]]\nname = "a@1"\nversion = 1\ndescription = "A."', r"name: String should match"),
        ('[[profile]]\nname = "a"\nversion = 0\ndescription = "A."', r"version: "),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_the_reason(tmp_path: Path, text: str, why: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Permanent, match=why) as error:
        read_profiles(path)
    assert error.value.message.startswith(f"LOREBASE_RETRIEVAL_PROFILES: {path}")


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        read_profiles(tmp_path / "none.toml")


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Permanent, match="cannot be read"):
        read_profiles(path)
