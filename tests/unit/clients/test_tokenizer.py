"""The model's tokenizer, on a vocabulary made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as FastTokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from lorebase.clients.tokenizer import ModelTokenizer

VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "search", "##able", "##s", "un", "cafe", ".", ","]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenizer:
    made = FastTokenizer(
        WordPiece({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.enable_truncation(4)
    made.enable_padding(length=4)
    path = tmp_path_factory.mktemp("model") / "tokenizer.json"
    made.save(str(path))
    return ModelTokenizer(path)


def test_every_token_ends_where_it_ends_in_the_text(tokenizer: ModelTokenizer) -> None:
    assert tokenizer.token_ends(["Searchables, un."]) == [[6, 10, 11, 12, 15, 16]]


def test_offsets_count_code_points_of_the_text_before_the_model_drops_its_marks(
    tokenizer: ModelTokenizer,
) -> None:
    assert tokenizer.token_ends(["\U0001f600 Cafe\u0301 café."]) == [[1, 6, 12, 13]]


def test_neither_truncation_nor_padding_nor_special_tokens_of_the_file_apply(
    tokenizer: ModelTokenizer,
) -> None:
    assert [len(ends) for ends in tokenizer.token_ends(["un " * 100, "un", ""])] == [100, 1, 0]


def test_no_texts_have_no_tokens(tokenizer: ModelTokenizer) -> None:
    assert tokenizer.token_ends([]) == []


def test_texts_of_any_length_are_counted_alike(tokenizer: ModelTokenizer) -> None:
    text = "searchable, un. " * 5_000
    (ends,) = tokenizer.token_ends([text])
    assert len(ends) == 5 * 5_000
    assert ends[:5] == [6, 10, 11, 14, 15]
    assert ends[-1] == len(text) - 1


def test_a_word_of_a_megabyte_is_a_few_unknown_tokens(tokenizer: ModelTokenizer) -> None:
    (ends,) = tokenizer.token_ends(["x" * 1_000_000])
    assert ends[-1] == 1_000_000
    assert len(ends) <= 1_000_000 / 4096


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_ends_ascend_and_stay_inside_each_text(tokenizer: ModelTokenizer, texts: list[str]) -> None:
    for text, ends in zip(texts, tokenizer.token_ends(texts), strict=True):
        assert ends == sorted(ends)
        assert all(0 < end <= len(text) for end in ends)


def test_a_missing_file_and_a_wrong_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the set-up"):
        ModelTokenizer(tmp_path / "tokenizer.json")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    with pytest.raises(ValueError, match="not a tokenizer"):
        ModelTokenizer(wrong)
