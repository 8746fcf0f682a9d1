"""The analyser: which terms a text has, in which language, with which weights."""

from __future__ import annotations

import threading
from collections import Counter
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lorebase.schemas.documents import Chunk
from lorebase.services.keywords.keyword_languages import Script, main_script, stop_words
from lorebase.services.keywords.keyword_tokens import LONGEST_WORD, words
from lorebase.services.keywords.keywords import KeywordAnalyser, term_hash, weights

ANALYSER = KeywordAnalyser()

HOSTILE = ("\x00", "\ud800", "a\u0301" * 50, "_" * 300, "A" * 300, "aB" * 400, "\u200d", "ﾀﾞｲ", "½㎏ﬁ", "漢")


def chunk(text: str, section: tuple[str, ...] = (), chunk_id: UUID | None = None) -> Chunk:
    return Chunk(
        id=chunk_id or uuid4(),
        workspace_id=uuid4(),
        document_id=uuid4(),
        version_id=uuid4(),
        ordinal=0,
        start_offset=0,
        end_offset=len(text),
        page=None,
        section=section,
        token_count=1,
        text=text,
    )


def terms(text: str, language: str | None = None) -> list[str]:
    return sorted(ANALYSER.counts(text, language))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The committees were cancelling their meetings", ["cancel", "committe", "meet"]),
        ("de", "Die Häuser wurden von den Bürgern gebaut", ["burg", "gebaut", "haus", "wurd"]),
        ("fr", "Les réunions de l'équipe sont annulées", ["annul", "équip", "réunion"]),
        ("es", "Las reuniones de los equipos fueron canceladas", ["cancel", "equip", "reunion"]),
        ("it", "Le riunioni delle squadre sono annullate", ["annull", "riunion", "squadr"]),
        ("pt", "As reuniões das equipes foram canceladas", ["cancel", "equip", "reuniõ"]),
        ("nl", "De vergaderingen van de teams zijn afgezegd", ["afzeg", "team", "vergader"]),
        ("sv", "Mötena med lagen blev inställda", ["inställd", "lag", "möten"]),
        ("ru", "Собрания команды были отменены", ["команд", "отмен", "собран"]),
        ("zh", "黑豹队的防守", ["的防", "豹队", "队的", "防守", "黑豹"]),
        ("ja", "東京タワー", ["タワ", "ワー", "京タ", "東京"]),
    ],
)
def test_terms_of_a_language(language: str, text: str, expected: list[str]) -> None:
    assert terms(text, language) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parse_http_request", ["http", "pars", "parse_http_request", "request"]),
        ("parseHttpRequest", ["http", "pars", "parsehttprequest", "request"]),
        ("HTTPServer", ["http", "httpserver", "server"]),
        ("__init__", ["init"]),
        ("asyncio.gather", ["asyncio", "gather"]),
        ("utf8", ["utf8"]),
        ("state-of-play", ["play", "state"]),
    ],
)
def test_identifiers_are_found_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert terms(text, "en") == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
        ("ﬁne", "fine"),
        ("STRASSE", "straße"),
        ("soft\u00adware", "software"),
        ("cafe\u0301", "café"),
        ("①", "1"),
    ],
)
def test_forms_of_the_same_word_have_the_same_terms(one: str, other: str) -> None:
    assert terms(one, "en") == terms(other, "en") != []


def test_stop_words_are_left_out_in_their_own_language_only() -> None:
    assert terms("die hard", "de") == ["hard"]
    assert terms("die hard", "en") == ["die", "hard"]


def test_an_unknown_language_keeps_words_as_they_are() -> None:
    assert terms("Zażółć gęślą", "pl") == ["gęślą", "zażółć"]


def test_a_language_tag_may_name_a_region() -> None:
    assert terms("meetings", "en-GB") == terms("meetings", "en_US") == ["meet"]
    assert terms("møtene", "nb") == terms("møtene", "no")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I cancel a task?", "en"),
        ("Wie viele Punkte gab es in der Saison?", "de"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de los estados?", "es"),
        ("Какая столица у страны?", "ru"),
        ("首都是哪里？", "zh"),
        ("首都はどこですか", "ja"),
        ("Ποια είναι η πρωτεύουσα;", "el"),
        ("ما هي العاصمة؟", "ar"),
        ("asyncio cancel", None),
        ("die hard", None),
        ("12345 !?", None),
        ("", None),
    ],
)
def test_the_language_is_told_by_script_and_stop_words(text: str, language: str | None) -> None:
    assert ANALYSER.detect_language(text) == language


def test_some_kana_makes_japanese_of_han() -> None:
    assert main_script("東京都の人口") is Script.KANA
    assert main_script("東京都人口") is Script.HAN


def test_a_query_in_an_undecided_language_takes_the_terms_of_all_of_them() -> None:
    asked = ANALYSER.query_stems("running Häuser")
    assert {"run", "haus", "running", "häuser"} <= asked


def test_a_query_of_stop_words_has_no_terms() -> None:
    assert ANALYSER.query_terms("what is the") == ()
    assert ANALYSER.query_terms("?!") == ()


@pytest.mark.parametrize(
    ("language", "text", "query"),
    [
        ("en", "The worker cancels running tasks.", "cancel the task"),
        ("de", "Die Häuser wurden renoviert.", "Wo ist das Haus, das renoviert wurde?"),
        ("fr", "Les équipes ont gagné des points.", "Combien de points pour une équipe dans la saison ?"),
        ("zh", "黑豹队的防守只丢了308分", "黑豹队的防守丢了多少分？"),
        ("ja", "東京タワーの高さは333メートル", "東京タワーは何メートルですか"),
    ],
)
def test_a_query_shares_terms_with_a_text_that_answers_it(language: str, text: str, query: str) -> None:
    hashed = {term_hash(term) for term in ANALYSER.counts(text, language)}
    assert len(hashed & set(ANALYSER.query_terms(query))) >= 2


def test_terms_are_signed_32_bit_hashes_that_never_change() -> None:
    assert (term_hash("cancel"), term_hash("東京")) == (1374745186, -1114988475)
    assert all(-(2**31) <= term_hash(str(number)) < 2**31 for number in range(1000))


def test_weights_follow_bm25_with_a_fixed_average_length() -> None:
    counts = Counter({"once": 1, "twice": 2, "rest": 97})
    found = weights(counts)
    assert found["once"] == pytest.approx(1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 100 / 100)))
    assert found["twice"] == pytest.approx(2 * 2.2 / (2 + 1.2))
    assert weights(Counter({"once": 1}))["once"] > found["once"]


def test_a_passage_is_found_by_its_title_and_headings_too() -> None:
    passage = chunk("Cancels it.", section=("Tasks", "Timeouts"))
    found = {posting.term for posting in ANALYSER.postings([passage], "Asyncio guide", "en")}
    assert {term_hash(term) for term in ("asyncio", "guid", "task", "timeout", "cancel")} == found


def test_postings_name_their_passage_and_come_once_a_term() -> None:
    first, second = chunk("alpha beta alpha"), chunk("beta")
    postings = ANALYSER.postings([first, second], "", "en")
    assert Counter(posting.chunk_id for posting in postings) == {first.id: 2, second.id: 1}


def test_a_passage_without_words_has_no_postings() -> None:
    assert ANALYSER.postings([chunk("… !!! ---")], "", None) == []


@given(st.text(max_size=200))
@example("".join(HOSTILE))
@pytest.mark.parametrize("language", [None, "en", "tr", "zh", "nonsense"])
def test_analysing_never_raises(language: str | None, text: str) -> None:
    counts = ANALYSER.counts(text, language)
    assert all(term and len(term) <= LONGEST_WORD + 1 and count > 0 for term, count in counts.items())
    assert list(ANALYSER.query_terms(text)) == sorted(set(ANALYSER.query_terms(text)))


@given(st.text(max_size=200))
@example("".join(HOSTILE))
def test_words_stand_where_they_say_in_order(text: str) -> None:
    found = list(words(text))
    assert all(0 <= word.start < word.end <= len(text) for word in found)
    assert [word.start for word in found] == sorted(word.start for word in found)


letters = st.text(st.characters(categories=("Ll", "Lu")), min_size=2, max_size=12)


@given(st.lists(letters, min_size=1, max_size=30), st.data())
def test_a_text_is_found_by_any_word_in_it(text_words: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(text_words))
    found = ANALYSER.counts(" ".join(text_words), "xx")
    folded = {word.forms[0] for word in words(wanted)}
    assert folded <= found.keys()
    if any(not all(form in listed for listed in stop_words().values()) for form in folded):
        assert found.keys() & ANALYSER.query_stems(wanted) or not folded


@pytest.mark.parametrize("piece", ["a", "漢", "aB", "_", "a_", "\u0301", "word ", "ﾞ"])
def test_the_work_grows_no_faster_than_the_text(piece: str) -> None:
    forms = [sum(len(word.forms) for word in words(piece * count)) for count in (2000, 4000)]
    assert forms[1] <= 2 * forms[0] + 2


def test_threads_may_share_an_analyser() -> None:
    text = " ".join(f"running{number} cancelled meetings" for number in range(300))
    expected = ANALYSER.counts(text, "en")
    results: list[Counter[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(KeywordAnalyser().counts(text, "en")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 6
