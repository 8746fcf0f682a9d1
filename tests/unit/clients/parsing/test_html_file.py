"""HTML: what a reader would read and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.html_file import TOO_DEEP_FLATTENED, parse_html
from lorebase.core.errors import DocumentRefused, ErrorCode

LIMITS = Limits(20, 30.0, 1 << 30, 1_000_000, 50)


def parse(markup: str | bytes) -> Extraction:
    return parse_html(markup if isinstance(markup, bytes) else markup.encode(), LIMITS)


def text_of(markup: str) -> str:
    return parse(markup).text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One\n  two</p><p>three</p>", "One two\n\nthree"),
        ("<div>a<div>b</div>c</div>", "a\n\nb\n\nc"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("x<b>y</b> <i> z</i>", "xy z"),
        ("<p>a&amp;b &lt;c&gt; &eacute;&nbsp;d&shy;e</p>", "a&b <c> é de"),
        ("<ul><li>one<li>two<ul><li>deep</ul></ul>", "- one\n- two\n  - deep"),
        ("<ol><li><p>one</p><li><p>two</p></ol>", "1. one\n2. two"),
        ("<dl><dt>term<dd>meaning</dl>", "term\n\nmeaning"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a | b\n1 | 2"),
        ("<table><tr><td>1<td><td>3<tr><td>x<td><td></table>", "1 | | 3\nx"),
        ("<table><tr><td><p>a</p><p>b</p><td>c<br>d</table>", "a b | c d"),
        ("<table><tr><td><h2>Menu</h2><p>a</p><td><p>b</p></table>", "Menu\n\na\n\nb"),
        ("<p>see</p><pre>\ndef f():\n    return 1\n\n</pre><p>ok</p>", "see\n\ndef f():\n    return 1\n\nok"),
        ("<pre>a<br>b<span>c</span></pre>", "a\nbc"),
        ("<p>look: <img src=x alt='a cat'></p>", "look: a cat"),
        ("<blockquote>said</blockquote>so", "said\n\nso"),
        ("plain words", "plain words"),
        ("<svg><title>Chart</title><text>Sales</text><script>x()</script></svg>", "Chart\nSales"),
    ],
)
def test_blocks_become_lines_and_paragraphs(markup: str, text: str) -> None:
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>bad()</script>",
        "<style>bad {}</style>",
        "<iframe src='http://x'>bad</iframe>",
        "<template>bad</template>",
        "<noscript>bad</noscript>",
        "<nav>bad</nav>",
        "<button>bad</button>",
        "<select><option>bad</select>",
        "<textarea>bad</textarea>",
        "<object data=x>bad</object>",
        "<!-- bad -->",
        "<p hidden>bad</p>",
        "<span aria-hidden=true>bad</span>",
        "<div role=navigation>bad</div>",
        "<p style='color: red; Display : none'>bad</p>",
        "<a href=# class=headerlink>bad</a>",
        "<a class='viewcode-link' href=x>bad</a>",
        "<base href='http://bad'>",
        "<meta http-equiv=refresh content='0;url=bad'>",
        "<span onclick='bad()'></span>",
        "<svg><text>bad</text></svg>",
        "<?php bad ?>",
    ],
)
def test_what_is_not_for_reading_is_left_out_but_not_what_follows_it(hidden: str) -> None:
    extraction = parse(f"<html><body><p>before {hidden} after</p></body></html>")
    assert "bad" not in extraction.text
    assert extraction.text.split() == ["before", "after"]


def test_permalinks_at_headings_are_dropped() -> None:
    extraction = parse("<h1>Tasks<a href=#t>¶</a></h1><p>text</p>")
    assert extraction.text == "Tasks\n\ntext"
    assert extraction.headings[0].title == "Tasks"


def test_headings_point_into_the_text() -> None:
    extraction = parse("<h1>A <em>guide</em></h1><p>x</p><h3>Part\n one</h3><p>y</p><h2> </h2>")
    found = [
        (heading.level, heading.title, extraction.text[heading.start : heading.end])
        for heading in extraction.headings
    ]
    assert found == [(1, "A guide", "A guide"), (3, "Part one", "Part one")]


def test_signatures_of_api_documentation_are_headings_by_name() -> None:
    extraction = parse(
        "<h2>Tasks</h2><dl><dt class='sig sig-object'><span class='descclassname'>asyncio.</span>"
        "<span class='descname'>run</span><span>(coro)</span></dt><dd><p>Runs it.</p>"
        "<dl><dt class='sig'><span class='descname'>stop</span>()</dt><dd>Stops it.</dd></dl></dd></dl>"
    )
    assert [(heading.level, heading.title) for heading in extraction.headings] == [
        (2, "Tasks"),
        (5, "asyncio.run"),
        (6, "stop"),
    ]
    assert "asyncio.run(coro)" in extraction.text


@pytest.mark.parametrize("main", ["<main>{}</main>", "<div role=main>{}</div>", "<article>{}</article>"])
def test_the_main_part_of_a_page_is_preferred(main: str) -> None:
    story = main.format("<p>" + "the story " * 30 + "</p>")
    page = f"<body><div>site menu</div>{story}<div>imprint</div></body>"
    assert text_of(page) == "the story " * 29 + "the story"


def test_a_main_part_without_content_is_not_believed() -> None:
    assert "the story" in text_of("<body><main>.</main><p>" + "the story " * 30 + "</p></body>")


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title>Tasks — The Docs</title><h1>Tasks</h1>", "Tasks"),
        ("<title>Annual report</title><h1>2026</h1>", "Annual report"),
        ("<h1>Only heading</h1>", "Only heading"),
        ("<p>none</p>", None),
    ],
)
def test_the_title_is_the_pages_own_without_the_name_of_the_site(markup: str, title: str | None) -> None:
    assert parse(markup + "<p>text</p>").title == title


@pytest.mark.parametrize(("lang", "language"), [("de-CH", "de"), ("EN", "en"), ("x", None), ("", None)])
def test_the_declared_language_is_taken(lang: str, language: str | None) -> None:
    assert parse(f"<html lang='{lang}'><p>text</p></html>").language == language


def test_a_declared_encoding_is_used_when_the_bytes_are_not_utf_8() -> None:
    markup = "<meta charset='koi8-r'><p>привет</p>".encode("koi8-r")
    assert parse(markup).text == "привет"


def test_an_xml_declaration_and_utf_16_are_read() -> None:
    markup = '<?xml version="1.0" encoding="utf-16"?><html><body><p>grüße</p></body></html>'
    assert parse(markup.encode("utf-16")).text == "grüße"


def test_entities_of_a_document_type_are_never_fetched_or_expanded() -> None:
    markup = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>before &x; after</p>'
    text = text_of(markup)
    assert "root:" not in text
    assert "after" in text


@pytest.mark.parametrize("depth", [300, 3_000, 100_000])
def test_text_below_many_elements_is_found(depth: int) -> None:
    extraction = parse("<body>" + "<div>" * depth + "deep" + "</div>" * depth + "<p>after</p>")
    assert extraction.text == "deep\n\nafter"
    assert extraction.warnings == ([] if depth < 2_000 else [TOO_DEEP_FLATTENED])


def test_what_stays_too_deep_is_refused() -> None:
    with pytest.raises(DocumentRefused) as caught:
        parse("<h1>" * 100_000)
    assert caught.value.code is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    "markup", ["<" * 300_000, "&" * 300_000, "<!--" * 100_000, "<div " + "a=b " * 100_000]
)
def test_hostile_markup_ends(markup: str) -> None:
    assert len(parse(markup).text) <= len(markup)


def test_a_text_past_the_limit_is_refused() -> None:
    with pytest.raises(DocumentRefused) as caught:
        parse("<p>" + "word " * 300_000)
    assert caught.value.code is ErrorCode.TOO_LARGE


TAGS = ["p", "div", "ul", "li", "table", "tr", "td", "h1", "h2", "pre", "b", "script", "br", "dl", "dt", "dd"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
            st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
            st.text(alphabet="ab \n&<\u00a0é", max_size=8),
        ),
        max_size=60,
    ).map("".join)
)
def test_any_markup_gives_tidy_text_and_headings_inside_it(markup: str) -> None:
    extraction = parse(markup)
    assert extraction.text == extraction.text.strip("\n")
    assert "\n\n\n" not in extraction.text or "<pre>" in markup
    for heading in extraction.headings:
        assert 0 <= heading.start < heading.end <= len(extraction.text)
        assert extraction.text[heading.start : heading.end].strip()
