"""Plots of evaluations as SVG, written without a library: what a browser shows and a review can attach."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lorebase.cli.connection.responses import Json

WIDTH, HEIGHT, MARGIN = 720, 320, 48
GOOD, BAD, INK = "#2a7f62", "#b3402e", "#333333"


def plot_changes(changes: Sequence[float], title: str) -> str:
    """A bar for each question, the greatest gain of nDCG@10 first; those that stayed the same have none."""
    step = (WIDTH - 2 * MARGIN) / max(len(changes), 1)
    middle, reach = HEIGHT / 2, HEIGHT / 2 - MARGIN
    bars = "".join(
        f'<rect x="{MARGIN + place * step:.2f}" y="{middle - max(change, 0) * reach:.2f}" '
        f'width="{step:.2f}" height="{abs(change) * reach:.2f}" fill="{GOOD if change > 0 else BAD}"/>'
        for place, change in enumerate(sorted(changes, reverse=True))
    )
    return _page(
        title, bars + _line(middle) + _labels((("+1", MARGIN), ("0", middle), ("−1", HEIGHT - MARGIN)))
    )


def plot_history(runs: Sequence[Json], title: str) -> str:
    """A point for each complete run, oldest first, with the interval of its nDCG@10."""
    complete = [run["metrics"] for run in runs if run["metrics"]]
    step = (WIDTH - 2 * MARGIN) / max(len(complete), 1)
    points = "".join(_point(MARGIN + (place + 0.5) * step, metrics) for place, metrics in enumerate(complete))
    return _page(title, points + _line(_height(0)) + _labels((("1", _height(1)), ("0", _height(0)))))


def _point(x: float, metrics: Json) -> str:
    interval = metrics["ndcgAt10Interval"]
    low, high, mean = _height(interval["lower"]), _height(interval["upper"]), _height(metrics["ndcgAt10"])
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{GOOD}"/>'
        f'<circle cx="{x:.1f}" cy="{mean:.1f}" r="3" fill="{GOOD}"/>'
        f'<text x="{x + 5:.1f}" y="{mean:.1f}">{metrics["ndcgAt10"]:.3f}</text>'
    )


def _height(value: float) -> float:
    return HEIGHT - MARGIN - value * (HEIGHT - 2 * MARGIN)


def _line(y: float) -> str:
    return f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="{INK}"/>'


def _labels(places: Sequence[tuple[str, float]]) -> str:
    return "".join(f'<text x="{MARGIN - 24}" y="{y + 4:.1f}">{label}</text>' for label, y in places)


def _page(title: str, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="{MARGIN}" y="24" font-size="14">{escape(title)}</text>{content}</svg>\n'
    )
