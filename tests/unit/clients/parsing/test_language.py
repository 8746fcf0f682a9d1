"""Languages that are plain to see."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.language import language_of

TEXTS = {
    "en": (
        "The cat and the dog are in the garden, and that is what they have been doing "
        "for a long time with us."
    ),
    "de": (
        "Der Hund und die Katze sind nicht auf dem Tisch, und das ist auch gut so, weil "
        "sich eine Maus dort aufhält."
    ),
    "fr": (
        "Les chats et les chiens sont dans la maison pour une nuit, et ils ne sont pas "
        "avec nous sur la place du village."
    ),
    "es": (
        "Los perros y las gatas están en la casa con una niña, pero no es como para que "
        "los del pueblo hablen más."
    ),
    "it": (
        "Il cane e la gatta sono nella casa con gli amici, e non è una cosa che si dice "
        "di tutti quelli della città."
    ),
    "pt": (
        "Os cães e as gatas não estão em casa com uma menina, mas são mais felizes para "
        "os amigos dos vizinhos também."
    ),
    "nl": (
        "De hond en het paard zijn niet in de tuin van een buurman, maar dat is ook niet "
        "voor deze mensen met geld bij het huis."
    ),
    "zh": "今天的天气非常好，我们去公园散步，看到了很多花和树。",
    "ja": "今日はとても良い天気なので、公園へ散歩に行きました。花がきれいでした。",
    "ko": "오늘은 날씨가 아주 좋아서 공원에 산책하러 갔습니다. 꽃이 예뻤습니다.",
    "el": "Σήμερα ο καιρός είναι πολύ καλός και πήγαμε μια βόλτα στο πάρκο.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_plain_prose_is_recognised(language: str) -> None:
    assert language_of(TEXTS[language] * 3) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "x = 1\ny = 2\n" * 50,
        "id: 7; price: 3.50; sku: AB-12\n" * 30,
        "Привет, как дела сегодня вечером?",
    ],
)
def test_doubtful_text_has_no_language(text: str) -> None:
    assert language_of(text) is None


def test_two_languages_in_equal_parts_are_doubtful() -> None:
    assert language_of((TEXTS["en"] + " " + TEXTS["de"]) * 3) is None
