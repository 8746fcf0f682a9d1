"""The analyser kw2: where it differs from kw1, and that it differs nowhere else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lorebase.services.keywords.analysers import (
    ANALYSERS,
    DESCRIPTIONS,
    analyser_of,
    version_named,
    without_accents,
)
from lorebase.services.keywords.keyword_tokens import LONGEST_WORD, words, words_and_pairs
from lorebase.services.search.highlights import Highlighter

KW1, KW2 = analyser_of(1), analyser_of(2)
THAI = "กรุงเทพมหานครเป็นเมืองหลวง"


def terms(text: str, language: str | None = None) -> list[str]:
    return sorted(KW2.counts(text, language))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The committees were cancelling their meetings", ["cancel", "committe", "meet"]),
        ("de", "Die Häuser wurden von den Bürgern gebaut", ["burg", "gebaut", "haus", "wurd"]),
        ("fr", "Les réunions de l'équipe sont annulées", ["annul", "equip", "reunion"]),
        ("es", "Las reuniones de los equipos fueron canceladas", ["cancel", "equip", "reunion"]),
        ("it", "Le riunioni delle città sono annullate", ["annull", "citt", "riunion"]),
        ("pt", "As reuniões das equipes foram canceladas", ["cancel", "equip", "reunio"]),
        ("nl", "De vergaderingen van de teams zijn afgezegd", ["afzeg", "team", "vergader"]),
        ("sv", "Mötena med lagen blev inställda", ["installd", "lag", "moten"]),
        ("ro", "Învățământul și școala", ["invatamantul", "scoala", "si"]),
        ("pl", "Zażółć gęślą jaźń", ["gesla", "jazn", "zazołc"]),
        ("vi", "thủ đô Hà Nội", ["ha", "noi", "thu", "đo"]),
        ("ru", "Собрания команды были отменены", ["команд", "отмен", "собран"]),
        ("zh", "黑豹队的防守", ["的防", "豹队", "队的", "防守", "黑豹"]),
        ("ja", "東京タワー", ["タワ", "ワー", "京タ", "東京"]),
        ("ko", "서울은 수도", ["서울", "수도", "울은"]),
        ("th", "เมืองหลวง", ["งห", "มือ", "ลว", "วง", "หล", "อง", "เมื"]),
        ("lo", "ນະຄອນ", ["ຄອ", "ນະ", "ອນ", "ະຄ"]),
        ("km", "ភ្នំពេញ", ["នំពេ", "ពេញ", "ភ្នំ"]),
        ("my", "မြန်မာ", ["န်မာ", "မြန်"]),
    ],
)
def test_terms_of_a_language(language: str, text: str, expected: list[str]) -> None:
    assert terms(text, language) == sorted(expected)


@pytest.mark.parametrize(
    ("language", "accented", "plain"),
    [
        ("en", "résumé", "resume"),
        ("fr", "élémentaires", "elementaires"),
        ("de", "Zürich", "Zurich"),
        ("pt", "Brasília", "brasilia"),
        ("ro", "București", "Bucuresti"),
        ("el", "Ελλάδα", "ελλαδα"),
        ("ar", "مُحَمَّد", "محمد"),
        ("ru", "ёлка", "елка"),
        ("cs", "Pr\u030caha", "praha"),
        ("ko", "\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
    ],
)
def test_accents_may_be_left_out_in_the_query_or_in_the_text(
    language: str, accented: str, plain: str
) -> None:
    assert KW2.query_stems(plain) & KW2.counts(accented, language).keys()
    assert KW2.query_stems(accented) & KW2.counts(plain, language).keys()


def test_kw1_keeps_accents() -> None:
    assert KW1.query_stems("Bucuresti").isdisjoint(KW1.counts("București", "ro"))


@pytest.mark.parametrize(
    ("one", "other"),
    [("мой", "мои"), ("कि", "का"), ("が", "か"), ("ba", "ca"), ("서울", "부산")],
)
def test_marks_that_make_another_letter_are_kept(one: str, other: str) -> None:
    assert set(KW2.counts(one, "xx")).isdisjoint(KW2.counts(other, "xx"))


def test_a_part_of_a_run_without_spaces_is_found_and_marked() -> None:
    assert KW2.query_stems("เมืองหลวง") <= KW2.counts(THAI, None).keys()
    assert KW1.query_stems("เมืองหลวง").isdisjoint(KW1.counts(THAI, None))
    [place] = Highlighter([KW2], "เมืองหลวง").highlights(THAI)
    assert THAI[place.start : place.end] == "เมืองหลวง"


def test_signs_that_normal_forms_take_apart_keep_their_places() -> None:
    text = "เขาทำงานหนัก"
    [place] = Highlighter([KW2], "ทำงาน").highlights(text)
    assert text[place.start : place.end] == "ทำงาน"
    decomposed = "ท" + "\u0e4d\u0e32" + "งาน"
    assert KW2.query_terms(decomposed) == KW2.query_terms("ทำงาน")


def test_several_analysers_mark_what_any_of_them_finds() -> None:
    text = f"Le résumé: {THAI}."
    both = Highlighter([KW1, KW2], "resume เมืองหลวง").highlights(text)
    assert [text[place.start : place.end] for place in both] == ["résumé", "เมืองหลวง"]
    assert Highlighter([KW1], "resume เมืองหลวง").highlights(text) == ()


def test_every_version_is_named_and_described() -> None:
    assert ANALYSERS.keys() == DESCRIPTIONS.keys()
    assert [version_named(name) for name in ("kw1", "kw2", "kw3", "")] == [1, 2, None, None]


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)), st.sampled_from(["en", "de", "fr", None]))
def test_ascii_has_the_terms_of_kw1(text: str, language: str | None) -> None:
    assert KW2.counts(text, language) == KW1.counts(text, language)


@given(st.text(alphabet="東京都の人口はタワー漢字 abc 12"))
def test_chinese_and_japanese_have_the_terms_of_kw1(text: str) -> None:
    assert KW2.counts(text, "ja") == KW1.counts(text, "ja")


@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF)))
def test_accents_are_taken_off_once_and_for_all(text: str) -> None:
    [plain] = without_accents((text,))
    assert without_accents((plain,)) == (unicodedata.normalize("NFC", plain),)


@given(st.text())
@example("\u0e31\u0e31")
@example("\u1100\u1161\u11a8\u1161")
@example("ﾡﾢ")
@example("\ud800ก\x00")
@example("กa한漢é")
def test_places_lie_in_the_text_in_order_whatever_it_holds(text: str) -> None:
    found = list(words_and_pairs(text))
    starts = [word.start for word in found]
    assert starts == sorted(starts)
    assert all(0 <= word.start < word.end <= len(text) for word in found)
    assert all(form and len(form) <= max(LONGEST_WORD, len(text)) for word in found for form in word.forms)


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_scripts_with_spaces_are_cut_as_before(text: str) -> None:
    assert list(words_and_pairs(text)) == list(words(text))


@given(st.text(alphabet="กขคงเแโ่้าัิ ", min_size=1))
def test_a_query_cut_out_of_a_run_is_found_in_it(text: str) -> None:
    """Cut where a character with its marks ends, of at least two of them."""
    counts = KW2.counts(text, None)
    for run in text.split():
        assert KW2.query_stems(run) <= counts.keys()
