"""Limits on requests: a linear measure of a document before validation, and its price after."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from lorebase.api.graphql.errors import RequestErrorCode
from lorebase.core.config import EdgeSettings

LITERAL_DEPTH = 20
NUMBER_DIGITS = 400


class TooComplex(GraphQLError):
    """A request beyond a limit; nothing of it is run."""

    def __init__(self, what: str, measured: int, limit: int) -> None:
        # Doubling fragments make numbers that nobody wants to read.
        shown = measured if measured < 10**9 else "far more than allowed"
        super().__init__(
            f"The request is too complex: {what} is {shown}, the limit is {limit}.",
            extensions={"code": str(RequestErrorCode.TOO_COMPLEX), "limit": limit},
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """Size of a selection with its fragments spread out."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    repeated: int = 0

    def beside(self, other: Measure) -> Measure:
        """Both, one after the other."""
        return Measure(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.repeated + other.repeated,
        )

    def below(self, *, aliases: int, directives: int) -> Measure:
        """This selection under a field."""
        return Measure(self.depth + 1, self.aliases + aliases, self.directives + directives, self.repeated)


def check_length(query: str, settings: EdgeSettings) -> None:
    """Raises TooComplex for a text that is dear to parse, be it only a comment."""
    _within("the number of characters", len(query), settings.query_max_characters)


def check_size(document: DocumentNode, settings: EdgeSettings) -> None:
    """Raises TooComplex for a document that would be dear to validate or run.

    Each fragment is measured once, however often it is spread: the time grows with the length of the text.
    """
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    _within("the number of fragments", len(fragments), settings.query_max_fragments)
    walker = _Walker(fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            measure = walker.selection(node.selection_set)
            _within("the depth", measure.depth, settings.query_max_depth)
            _within("the number of aliases", measure.aliases, settings.query_max_aliases)
            _within("the number of repeated fields", measure.repeated, settings.query_max_aliases)
            directives = measure.directives + len(node.directives or ())
            _within("the number of directives", directives, settings.query_max_directives)


def _within(what: str, measured: int, limit: int) -> None:
    if measured > limit:
        raise TooComplex(what, measured, limit)


class _Walker:
    """Measures selections, remembering those of fragments."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Measure] = {}

    def selection(self, selection_set: SelectionSetNode | None) -> Measure:
        """The size of a selection set."""
        total = Measure()
        keys: Counter[str] = Counter()
        for node in selection_set.selections if selection_set else ():
            directives = len(node.directives or ())
            match node:
                case FieldNode():
                    keys[(node.alias or node.name).value] += 1
                    total = total.beside(self._field(node, directives))
                case InlineFragmentNode():
                    inner = self.selection(node.selection_set)
                    total = total.beside(inner).beside(Measure(directives=directives))
                case FragmentSpreadNode():
                    inner = self._fragment(node.name.value)
                    total = total.beside(inner).beside(Measure(directives=directives))
        return total.beside(Measure(repeated=sum(count - 1 for count in keys.values())))

    def _field(self, node: FieldNode, directives: int) -> Measure:
        for argument in node.arguments or ():
            _check_literal(argument.value)
        inner = self.selection(node.selection_set)
        return inner.below(aliases=1 if node.alias else 0, directives=directives)

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            # A fragment that contains itself counts as nothing here: validation refuses it.
            self._known[name] = Measure()
            fragment = self._fragments.get(name)
            self._known[name] = self.selection(fragment.selection_set if fragment else None)
        return self._known[name]


def _check_literal(value: ValueNode) -> None:
    level: list[ValueNode] = [value]
    for _ in range(LITERAL_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise TooComplex("the depth of a literal", LITERAL_DEPTH + 1, LITERAL_DEPTH)


def _inside(value: ValueNode) -> list[ValueNode]:
    match value:
        case ListValueNode():
            return list(value.values)
        case ObjectValueNode():
            return [field.value for field in value.fields]
        case IntValueNode() | FloatValueNode() if len(value.value) > NUMBER_DIGITS:
            raise TooComplex("the length of a number", len(value.value), NUMBER_DIGITS)
        case _:
            return []
