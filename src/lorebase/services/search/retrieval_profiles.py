"""The retrieval profiles of this installation: those built in, and those that operators declare."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, Permanent
from lorebase.schemas.retrieval_profiles import ExpansionMethod, ListedProfile, RetrievalProfile
from lorebase.schemas.search import DEFAULT_PROFILE, SearchMode, SearchRequest, SettledRequest

PROFILES_MAXIMUM = 100
BUILT_IN = (
    RetrievalProfile(name="default", version=1, description="Searches for the query as it is asked."),
    RetrievalProfile(
        name="rewrite",
        version=1,
        description="Searches for the query, and for a clearer wording of it by the chat model.",
        expansion=ExpansionMethod.REWRITE,
    ),
    RetrievalProfile(
        name="multi-query",
        version=1,
        description="Searches for the query, and for three more by the chat model that ask in other words.",
        expansion=ExpansionMethod.MULTI_QUERY,
    ),
    RetrievalProfile(
        name="hyde",
        version=1,
        description="Searches for the query, and for passages whose meaning is near to one that the chat "
        "model makes up as an answer.",
        expansion=ExpansionMethod.HYDE,
    ),
)
_GIVEN_BY_PROFILES = ("mode", "rerank", "collapse_copies", "mmr_lambda")


class RetrievalProfiles:
    """Finds profiles by name and lays them under requests. Stateless."""

    def __init__(self, settings: Settings, declared: Sequence[RetrievalProfile] = ()) -> None:
        """Permanent when a declared profile takes a name that is taken, or there are too many."""
        self._settings = settings
        self._by_key = {profile.key: profile for profile in BUILT_IN}
        names = {profile.name for profile in BUILT_IN}
        for profile in declared:
            if profile.name in names or profile.key in self._by_key:
                kind = "built in" if profile.name in names else "declared already"
                raise Permanent(f"The retrieval profile {profile.key} is {kind}: choose another name.")
            self._by_key[profile.key] = profile
        if len(self._by_key) > PROFILES_MAXIMUM:
            raise Permanent(f"There may be {PROFILES_MAXIMUM} retrieval profiles, those built in included.")

    def listed(self) -> list[ListedProfile]:
        """All of them, by name, the newest version first; at most 100."""
        ordered = sorted(self._by_key.values(), key=lambda profile: (profile.name, -profile.version))
        return [ListedProfile(profile=profile, lacking=self._lacking(profile)) for profile in ordered]

    def get(self, name: str | None, field: Sequence[str] = ("profile",), /) -> RetrievalProfile:
        """A profile by `name@version`, or the newest by name; `default@1` for None.

        BadInput, at the field, when there is none.
        """
        if name is None:
            return self._by_key[DEFAULT_PROFILE]
        versions = [profile for profile in self._by_key.values() if profile.name == name]
        found = self._by_key.get(name) or max(versions, key=lambda each: each.version, default=None)
        if found is None:
            message = "There is no such retrieval profile: `retrievalProfiles` lists them."
            raise BadInput(message, field=list(field))
        return found

    def asks_model(self, name: str, /) -> bool:
        """Whether a profile has a chat model add to queries; False for one that there is not."""
        try:
            return self.get(name).expansion is not ExpansionMethod.NONE
        except BadInput:
            return False

    def applied(self, request: SearchRequest) -> tuple[RetrievalProfile, SettledRequest]:
        """The profile of a request, and the request with what the profile says where it says nothing itself.

        BadInput for a profile that is unknown, lacks a model here, or does not fit the request's mode.
        """
        profile = self.get(request.profile)
        lacking = self._lacking(profile)
        if lacking is not None:
            raise BadInput(lacking, field=["profile"])
        given = dict(request)
        silent = {name: getattr(profile, name) for name in _GIVEN_BY_PROFILES if given[name] is None}
        filled = SettledRequest.model_validate({**given, **silent})
        if profile.expansion is ExpansionMethod.HYDE and filled.mode is SearchMode.KEYWORD:
            message = f"The profile {profile.key} works on vectors: choose another mode or profile."
            raise BadInput(message, field=["mode"])
        return profile, filled

    def _lacking(self, profile: RetrievalProfile) -> str | None:
        if profile.expansion is not ExpansionMethod.NONE and not self._settings.generates:
            return f"The profile {profile.key} needs a generative chat model: LOREBASE_CHAT_MODEL names one."
        if profile.rerank and not self._settings.reranks:
            return f"The profile {profile.key} needs a reranker: LOREBASE_RERANK_URL says where one is."
        return None
