"""What the edge costs: `python -m tests.bench.edge [http] [idle] [fanout]`; everything when nothing is named.

CPU seconds are those of the server's process, as the system counts them. The bare server runs in the same
run, on the same uvicorn settings. Sockets need file descriptors: `ulimit -n 4096`.
"""

from __future__ import annotations

import argparse
import asyncio

from tests.bench.edge.http_requests import CASES, measure_bare, measure_query
from tests.bench.edge.processes import server, valkey
from tests.bench.edge.servers import open_stream
from tests.bench.edge.sockets import (
    FanOut,
    Open,
    followers,
    measure_fan_out,
    measure_idle,
    open_bare,
    open_subscription,
)

PARTS = ("http", "idle", "fanout")
IDLE_KIB, FAN_OUT_TIMES = 40.0, 1.5


def main() -> None:
    arguments = _arguments()
    with valkey() as redis_url:
        if "http" in arguments.parts:
            compare_requests(redis_url, arguments.requests)
        if "idle" in arguments.parts:
            show_idle(redis_url, arguments.subscribers)
        if "fanout" in arguments.parts:
            compare_fan_out(redis_url, arguments.subscribers, arguments.events)


def compare_requests(redis_url: str, number: int) -> None:
    """A query of the API beside the bare endpoint, one after the other."""
    with server("api", redis_url) as api, server("bare", redis_url) as bare:
        for name, (query, path, target) in CASES.items():
            ours, theirs = measure_query(api, query, number), measure_bare(bare, path, number)
            print(
                f"{name}: {ours:.0f} us of CPU a request, bare FastAPI {theirs:.0f}: "
                f"{ours / theirs:.1f} times, target {target:g}",
                flush=True,
            )


def show_idle(redis_url: str, number: int) -> None:
    """Memory and CPU time of subscriptions to which nothing happens."""
    with server("api", redis_url) as api:
        held, share = asyncio.run(measure_idle(api, number))
    print(
        f"{number} idle subscriptions: {held:.0f} KiB each, target {IDLE_KIB:g}; {share:.1%} of a core",
        flush=True,
    )


def compare_fan_out(redis_url: str, number: int, events: int) -> None:
    """One stream to all subscribers, beside a bare WebSocket."""
    ours = asyncio.run(_fan_out("api", open_subscription, redis_url, number, events))
    theirs = asyncio.run(_fan_out("bare", open_bare, redis_url, number, events))
    for name, found in (("fan-out", ours), ("bare WebSocket", theirs)):
        lost = f"{found.lost} followers lost or repeated one"
        print(f"{name}: {found.microseconds:.0f} us of CPU a message, {found.delivered} messages, {lost}")
    print(
        f"fan-out: {ours.microseconds / theirs.microseconds:.1f} times, target {FAN_OUT_TIMES:g}", flush=True
    )


async def _fan_out(kind: str, open_one: Open, redis_url: str, number: int, events: int) -> FanOut:
    streams = open_stream(redis_url)
    try:
        with server(kind, redis_url) as running:
            async with followers(running, number, open_one) as found:
                return await measure_fan_out(running, streams, found, events)
    finally:
        await streams.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.edge", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100)
    arguments = parser.parse_args()
    arguments.parts = arguments.parts or list(PARTS)
    return arguments


if __name__ == "__main__":
    main()
