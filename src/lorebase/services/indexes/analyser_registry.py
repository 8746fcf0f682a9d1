"""The registry of analyser versions: what an operator adds, chooses and retires."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.ports.analysers import AnalyserRegistry
from lorebase.ports.chunk_index import CollectionAdministration
from lorebase.schemas.analysers import ListedAnalyser, RegisteredAnalyser
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.keywords.analysers import ANALYSERS, DESCRIPTIONS, version_named


class AnalyserRegistryService:
    """Versions and their collections. Those are made and removed here, by `migrate` and by a rebuild."""

    def __init__(
        self, *, registry: AnalyserRegistry, collections: CollectionAdministration, settings: Settings
    ) -> None:
        self._registry = registry
        self._collections = collections
        self._settings = settings

    async def versions(self) -> Sequence[ListedAnalyser]:
        """Every version that this release knows, oldest first, registered or not."""
        registered = {known.version: known for known in await self._registry.all()}
        return [
            ListedAnalyser(
                version=version, description=DESCRIPTIONS[version], registered=registered.get(version)
            )
            for version in sorted(ANALYSERS)
        ]

    async def begin(self) -> None:
        """Lets the knowledge bases of a new installation use the newest version; may be repeated."""
        newest = max(ANALYSERS)
        await self._registry.register(newest)
        await self._registry.choose(newest)

    async def add(self, name: str) -> None:
        """Lets indexes use a version, with its collection where Milvus keeps words; may be repeated.

        NotFound for a version that this release does not know.
        """
        version = _known(name)
        if self._settings.keywords_in_milvus:
            await self._collections.create_keywords(keyword_collection(version))
        await self._registry.register(version)

    async def choose(self, name: str) -> None:
        """Makes it the one that new knowledge bases use. NotFound unless it can be chosen."""
        await self._registry.choose(_known(name))

    async def retire(self, name: str) -> None:
        """Deprecates a version, then removes it with its collection.

        Conflict(WRONG_STATE) for the default, and while an index uses it: then it stays deprecated, so that
        no other index chooses it. NotFound.
        """
        version = _known(name)
        if (await self._one(version)).is_default:
            message = "New knowledge bases use this analyser: choose another first."
            raise Conflict(message, code=ErrorCode.WRONG_STATE)
        await self._registry.deprecate(version)
        # Within the block: when the collection cannot be dropped the version stays, and this can be repeated.
        async with self._registry.removal(version):
            if self._settings.keywords_in_milvus:
                await self._collections.drop(keyword_collection(version))

    async def make_collections(self) -> None:
        """Makes the collections of weights, if the settings want them; may be repeated."""
        if self._settings.keywords_in_milvus:
            for known in await self._registry.all():
                await self._collections.create_keywords(keyword_collection(known.version))

    async def remove_collections(self) -> None:
        """Removes them with all that they hold. Conflict(WRONG_STATE) while the settings want them."""
        if self._settings.keywords_in_milvus:
            message = "LOREBASE_KEYWORD_INDEX keeps words in Milvus: set it to postgresql first."
            raise Conflict(message, code=ErrorCode.WRONG_STATE)
        for version in ANALYSERS:
            await self._collections.drop(keyword_collection(version))

    async def _one(self, version: int) -> RegisteredAnalyser:
        for known in await self._registry.all():
            if known.version == version:
                return known
        raise NotFound("There is no such analyser.")


def _known(name: str) -> int:
    if (version := version_named(name)) is None:
        raise NotFound("This release knows no analyser of this name.")
    return version
