"""Which passages say nearly the same, and which only look like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.search.near_copies import RESEMBLANCE, UNITS_LEAST, Sense
from tests.factories import make_chunk

ENGLISH = (
    "Customers of the harbour may moor their boats at the northern pier during the whole season. Whoever "
    "leaves a boat for longer than a week tells the harbour master, who keeps a list of all boats and their "
    "owners. Boats that block the entrance are moved to the southern pier at the expense of their owners."
)
GERMAN = (
    "Kunden des Hafens dürfen ihre Boote während der ganzen Saison am nördlichen Steg festmachen. Wer ein "
    "Boot länger als eine Woche liegen lässt, meldet das dem Hafenmeister, der eine Liste aller Boote und "
    "ihrer Eigentümer führt. Boote, die die Einfahrt versperren, werden auf Kosten der Eigentümer an den "
    "südlichen Steg verlegt."
)
CHINESE = (
    "港口的客户可以在整个航季把船停靠在北侧码头。船只停放超过规定时间的客户应当通知港务长，"
    "港务长保存所有船只及其船主的名单。堵塞入口的船只将被移到南侧码头，费用由船主承担。"
    "码头上的灯光在夜间自动打开，以便船员安全地上下船。"
)
CODE = """def moor(boat: Boat, pier: Pier, weeks: int) -> Berth:
    berth = pier.first_free(boat.length, boat.draught)
    if berth is None or weeks > pier.longest_stay:
        raise NoBerth(pier.name, boat.owner)
    berth.boats.append(boat)
    notify(harbour_master, boat.owner, berth.number)
    return berth.with_rate(rates[pier.name], weeks)"""
PROSE = {"English": ENGLISH, "German": GERMAN, "Chinese": CHINESE}


def sense(text: str, *section: str) -> Sense:
    return Sense(make_chunk(text=text, section=section))


def are_near(one: str, other: str) -> bool:
    """The same both ways."""
    first, second = sense(one), sense(other)
    assert first.is_near(second) is second.is_near(first)
    return first.is_near(second)


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\nLast updated: 2024-05-03", "\nLast updated: 2025-11-30"),
        ("\n© 2023 Harbour Company", "\n© 2019-2025 Harbour Company"),
        ("\nHarbour Company, Bristol", "\nPort Authority, Cardiff"),
        ("\nStand: 3. Mai 2024", ""),
        ("\n最后更新：2024年5月3日", "\n最后更新：2025年1月30日"),
        ("", "\n\n- - -\n"),
        ("\n“Moor safely”", "\n'Moor safely'."),
    ],
    ids=["date", "copyright", "footer", "date is new", "Chinese date", "rule", "quotes"],
)
def test_boilerplate_with_another_footer_is_nearly_the_same(text: str, one: str, other: str) -> None:
    assert are_near(text + one, text + other)
    assert are_near(f"{one.strip()}\n{text}", f"{other.strip()}\n{text}")


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (ENGLISH, "northern pier", "northern jetty"),
        (GERMAN, "nördlichen Steg", "nördlichen Kai"),
        (CHINESE, "堵塞入口", "堵住入口"),
        (ENGLISH, "harbour master", "harbourmaster"),
    ],
)
def test_a_word_that_was_revised_is_nearly_the_same(text: str, before: str, after: str) -> None:
    assert are_near(text, text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The limit is 10.", "The limit is 100."),
        ("Das Limit ist 10.", "Das Limit ist 100."),
        ("限额为十元。", "限额为百元。"),
        ("limit = 10", "limit = 100"),
        ("| Berth | 12 m | 40 € |", "| Berth | 12 m | 45 € |"),
        ("The pier is open.", "The pier is not open."),
        ("a * b", "a / b"),
        ("a < b", "a > b"),
        ("if found:", "if !found:"),
        ("At -5 degrees", "At 5 degrees"),
        ("5 €", "5 $"),
        ("1.5", "15"),
        ("f(a)[0]", "f(a[0])"),
    ],
)
def test_numbers_signs_and_negations_tell_texts_apart_alone_and_within_a_long_one(
    one: str, other: str
) -> None:
    assert not are_near(one, other)
    assert not are_near(f"{ENGLISH}\n{one}", f"{ENGLISH}\n{other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The limit is ten.", "The limit is twenty."),
        ("Moor to the left.", "Moor to the right."),
        ("The lease ends on 31 December 2024.", "The lease ends on 31 December 2025."),
        ("Mr. Brown owns the red boat.", "Mrs. Green owns the red boat."),
    ],
)
def test_in_a_short_text_every_word_and_date_counts(one: str, other: str) -> None:
    assert not are_near(one, other)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (ENGLISH, "may moor", "may not moor"),
        (ENGLISH, "longer than", "shorter than a day or longer than"),
        (ENGLISH, "during the whole season", "except during the season"),
        (ENGLISH, "a week", "2 weeks"),
        (GERMAN, "dürfen ihre Boote", "dürfen keine Boote"),
        (GERMAN, "werden auf", "werden nicht auf"),
        (CHINESE, "可以在", "不可以在"),
        (CHINESE, "所有船只", "十只船只"),
    ],
)
def test_one_word_that_turns_a_long_text_makes_it_another(text: str, before: str, after: str) -> None:
    changed = text.replace(before, after, 1)
    assert changed != text
    assert not are_near(text, changed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("> pier", ">= pier"),
        ("or weeks", "and weeks"),
        ("boat.owner)\n    berth", "pier.owner)\n    berth"),
        ("None", "False"),
        (", weeks: int", ", days: int"),
        ("raise", "return"),
    ],
)
def test_in_code_every_word_and_sign_counts(before: str, after: str) -> None:
    changed = CODE.replace(before, after, 1)
    assert changed != CODE
    assert not are_near(CODE * 3, changed + CODE * 2)
    assert are_near(CODE, CODE.replace("\n    ", "\n\t"))


def test_rows_of_a_table_that_differ_in_a_number_are_others_however_long_they_are() -> None:
    rows = [f"Berth {number} at the northern pier" for number in range(40)]
    assert not are_near("\n".join(rows), "\n".join([*rows[:39], "Berth 77 at the northern pier"]))
    assert not are_near("from 10 to 20. " + ENGLISH, "from 20 to 10. " + ENGLISH)


def test_dates_of_a_timetable_count() -> None:
    days = [f"2024-05-{day:02} the ferry to the island" for day in range(1, 15)]
    later = [day.replace("2024", "2025") for day in days]
    assert not are_near("\n".join(days), "\n".join(later))


def test_headings_tell_passages_apart_whatever_their_case() -> None:
    assert not sense(ENGLISH, "Season 2023").is_near(sense(ENGLISH, "Season 2024"))
    assert sense(ENGLISH, "Mooring").is_near(sense(ENGLISH + "\nBristol", "MOORING"))


def test_neighbours_that_share_sentences_are_no_copies() -> None:
    first, second, third = ENGLISH.split(". ")
    assert not are_near(f"{first}. {second}.", f"{second}. {third}")


def test_a_passage_within_a_longer_one_is_no_copy() -> None:
    assert not are_near(ENGLISH, f"{ENGLISH}\n{' '.join(reversed(ENGLISH.split()))}")


def test_resemblance_is_one_for_equal_words_and_zero_for_others() -> None:
    assert sense(ENGLISH).resemblance(sense(ENGLISH.upper())) == 1
    assert sense(ENGLISH).resemblance(sense(GERMAN)) == 0
    near = sense(ENGLISH).resemblance(sense(f"{ENGLISH}\nBristol"))
    assert RESEMBLANCE < near < 1


@given(
    st.text(), st.sampled_from([str.upper, str.lower, str.casefold, str.title, " {} ".format, "\n{}".format])
)
def test_texts_with_equal_words_are_always_near(text: str, change: object) -> None:
    changed = change(text)  # type: ignore[operator]
    equal = changed.casefold().split() == text.casefold().split()
    assert sense(text).is_near(sense(text))
    assert not equal or are_near(text, changed)


words = st.lists(
    st.sampled_from(["boat", "pier", "not", "10", "20", "<", ">", "港", "船", "2024-05-03", "\n"])
)


@given(words, words)
def test_being_near_goes_both_ways_and_never_over_other_details(one: list[str], other: list[str]) -> None:
    first, second = sense(" ".join(one)), sense(" ".join(other))
    assert not are_near(" ".join(one), " ".join(other)) or first.details == second.details


@given(st.integers(1, 3000), st.sampled_from(["a", "1", "1.", "港", "一", "-", "! ", "*a", "é", " "]))
def test_a_text_of_one_piece_repeated_is_near_itself_and_no_other(count: int, piece: str) -> None:
    text = piece * count
    assert are_near(text, text)
    assert not are_near(text, f"{text} {ENGLISH}")


def test_the_fewest_words_are_counted_in_characters_of_scripts_without_spaces() -> None:
    fewest = "港船码头岸" * (UNITS_LEAST // 5)
    assert sense(fewest).is_prose
    assert not sense(fewest[1:]).is_prose
