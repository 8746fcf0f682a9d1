"""Retrieval profiles: which there are, what they decide, and what is said when one cannot be used."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, Permanent
from lorebase.schemas.retrieval_profiles import ExpansionMethod, RetrievalProfile
from lorebase.schemas.search import SearchMode, SearchRequest, SettledRequest
from lorebase.services.search.retrieval_profiles import BUILT_IN, PROFILES_MAXIMUM, RetrievalProfiles
from tests.factories import make_settings

GENERATIVE = {"chat_model": "gpt-any", "openai_base_url": "http://127.0.0.1:1/v1"}
RERANKING = {"rerank_url": "http://127.0.0.1:1/v1", "rerank_model": "any"}
REQUEST = SearchRequest(knowledge_base_ids=(UUID(int=1),), query="q")


def generative(**given: object) -> Settings:
    return make_settings(**{**GENERATIVE, **given})


def profile(name: str = "ours", version: int = 1, **given: object) -> RetrievalProfile:
    fields = {"name": name, "version": version, "description": "Ours.", **given}
    return RetrievalProfile.model_validate(fields)


def naming(key: str, **given: object) -> SearchRequest:
    return REQUEST.model_copy(update={"profile": key, **given})


requests = st.fixed_dictionaries(
    {
        "query": st.text(min_size=1),
        "mode": st.none() | st.sampled_from(SearchMode),
        "rerank": st.none() | st.booleans(),
        "collapse_copies": st.none() | st.booleans(),
        "mmr_lambda": st.none() | st.floats(0, 1),
        "min_score": st.none() | st.floats(-1, 1),
        "limit": st.integers(1, 100),
        "offset": st.integers(0, 1000),
    }
).map(lambda given: REQUEST.model_copy(update=given))


@given(requests)
def test_without_a_profile_and_with_default_1_what_is_absent_is_hybrid_with_all_copies(
    request: SearchRequest,
) -> None:
    profiles = RetrievalProfiles(make_settings())
    chosen, applied = profiles.applied(request)
    given = {name: value for name, value in dict(request).items() if value is not None}
    assert (chosen.key, applied) == ("default@1", SettledRequest.model_validate(given))
    named = request.model_copy(update={"profile": "default@1"})
    again, applied = profiles.applied(named)
    assert (again, applied) == (chosen, SettledRequest.model_validate({**given, "profile": "default@1"}))


@given(requests)
def test_a_request_that_is_settled_stays_what_it_is(request: SearchRequest) -> None:
    ours = profile(mode=SearchMode.VECTOR, rerank=False, collapse_copies=True, mmr_lambda=0.5)
    profiles = RetrievalProfiles(make_settings(), [ours])
    _, once = profiles.applied(request.model_copy(update={"profile": "ours@1"}))
    assert profiles.applied(once) == (ours, once)


@given(requests)
def test_what_a_request_says_goes_before_what_a_profile_says(request: SearchRequest) -> None:
    ours = profile(mode=SearchMode.VECTOR, rerank=False, collapse_copies=True, mmr_lambda=0.5)
    named = request.model_copy(update={"profile": "ours@1"})
    _, applied = RetrievalProfiles(make_settings(), [ours]).applied(named)
    assert applied.mode is (SearchMode.VECTOR if request.mode is None else request.mode)
    assert applied.rerank == (False if request.rerank is None else request.rerank)
    assert applied.mmr_lambda == (0.5 if request.mmr_lambda is None else request.mmr_lambda)
    assert applied.collapse_copies is (True if request.collapse_copies is None else request.collapse_copies)
    untouched = {"mode", "rerank", "collapse_copies", "mmr_lambda"}
    assert applied.model_dump(exclude=untouched) == named.model_dump(exclude=untouched)


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("default", False),
        ("ours", False),
        ("rewrite", True),
        ("multi-query@1", True),
        ("hyde", True),
        ("theirs", True),
        ("hyde@2", False),
        ("", False),
    ],
)
def test_a_profile_asks_a_model_when_something_is_added_to_the_query(name: str, asks: bool) -> None:
    profiles = RetrievalProfiles(
        make_settings(), [profile(), profile("theirs", expansion=ExpansionMethod.REWRITE)]
    )
    assert profiles.asks_model(name) is asks


def test_a_name_alone_is_its_newest_version() -> None:
    profiles = RetrievalProfiles(make_settings(), [profile(version=n) for n in (2, 10, 9)])
    assert profiles.get("ours").version == 10
    assert profiles.get("ours@9").version == 9
    assert profiles.get(None).key == "default@1"


@pytest.mark.parametrize("name", ["", "none", "ours@3", "ours@", "OURS", "@1", "default@2"])
def test_a_profile_that_is_not_there_is_refused_at_its_field(name: str) -> None:
    with pytest.raises(BadInput) as error:
        RetrievalProfiles(make_settings(), [profile()]).get(name, ("input", "profile"))
    assert error.value.field == ["input", "profile"]


@pytest.mark.parametrize("key", ["rewrite", "multi-query", "hyde@1"])
def test_a_profile_that_needs_a_generative_model_says_what_to_do(key: str) -> None:
    with pytest.raises(BadInput, match="LOREBASE_CHAT_MODEL") as error:
        RetrievalProfiles(make_settings()).applied(naming(key))
    assert error.value.field == ["profile"]
    chosen, _ = RetrievalProfiles(generative()).applied(naming(key))
    assert chosen.expansion is not ExpansionMethod.NONE


def test_a_profile_that_needs_a_reranker_says_what_to_do() -> None:
    ours = profile(rerank=True)
    with pytest.raises(BadInput, match="LOREBASE_RERANK_URL") as error:
        RetrievalProfiles(make_settings(), [ours]).applied(naming("ours"))
    assert error.value.field == ["profile"]
    _, applied = RetrievalProfiles(make_settings(**RERANKING), [ours]).applied(naming("ours"))
    assert applied.rerank is True


def test_a_made_up_passage_cannot_help_a_search_by_words_alone() -> None:
    with pytest.raises(BadInput) as error:
        RetrievalProfiles(generative()).applied(naming("hyde", mode=SearchMode.KEYWORD))
    assert error.value.field == ["mode"]
    with pytest.raises(ValueError, match="vectors"):
        profile(expansion=ExpansionMethod.HYDE, mode=SearchMode.KEYWORD)


def test_a_weight_of_the_vector_leg_needs_two_legs() -> None:
    with pytest.raises(ValueError, match="vector_weight"):
        profile(vector_weight=0.5, mode=SearchMode.VECTOR)


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ([profile("default")], "default@1 is built in"),
        ([profile("hyde", 2)], "hyde@2 is built in"),
        ([profile(), profile()], "ours@1 is declared already"),
        ([profile(version=n + 1) for n in range(PROFILES_MAXIMUM)], "There may be 100"),
    ],
)
def test_profiles_that_cannot_be_told_apart_stop_the_start(
    declared: list[RetrievalProfile], why: str
) -> None:
    with pytest.raises(Permanent, match=why):
        RetrievalProfiles(make_settings(), declared)


def test_all_are_listed_by_name_with_what_they_lack() -> None:
    listed = RetrievalProfiles(make_settings(), [profile(), profile(version=2)]).listed()
    assert [each.profile.key for each in listed] == [
        "default@1",
        "hyde@1",
        "multi-query@1",
        "ours@2",
        "ours@1",
        "rewrite@1",
    ]
    lacking = {each.profile.name for each in listed if each.lacking}
    assert lacking == {"rewrite", "multi-query", "hyde"}
    assert all(each.lacking is None for each in RetrievalProfiles(generative()).listed())


def test_the_default_profile_changes_nothing_at_all() -> None:
    default = BUILT_IN[0]
    plain = profile("default", description=default.description)
    assert (default, default.key) == (plain, "default@1")
    assert default.expansion is ExpansionMethod.NONE
