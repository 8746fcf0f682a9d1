// A TCP proxy that can be told to cut its connections in the middle of a stream and to stay away for a while.
import { connect, createServer } from "node:net";

const GRACE_MS = 50;

/**
 * An event with the first word of its text only, as long as before: its length stands in front of it.
 * Events that waited are sent as one, which may hold the whole answer; what is cut off here has to come again, so
 * the event may not say where it ends.
 */
export function shortened(event) {
  const found = /"text":"((?:[^"\\]|\\.)*)"/.exec(event);
  const cut = found ? found[1].indexOf(" ", 1) : -1;
  if (cut < 0) return event;
  const text = `"text":"${found[1].slice(0, cut)}"`.padEnd(found[0].length);
  return event.replace(found[0], () => text).replace(/^id:/m, ":::").replace('"cursor"', '"unsent"');
}

export async function cuttableProxy(port) {
  const open = new Set();
  const state = { mark: null, within: false, outage: 0, away: false, cuts: 0, lastEventIds: [] };

  const cut = () => {
    state.cuts += 1;
    state.mark = null;
    state.away = true;
    setTimeout(() => (state.away = false), state.outage);
    open.forEach((socket) => socket.resetAndDestroy());
  };

  const join = (from, to, passed) => {
    from.on("data", (piece) => !to.destroyed && to.write(passed(piece, from)));
    from.on("end", () => to.end());
    from.on("close", () => (open.delete(from), to.destroy()));
    from.on("error", () => to.destroy());
    open.add(from);
  };

  const server = createServer((client) => {
    if (state.away) return client.resetAndDestroy();
    const upstream = connect(port, "127.0.0.1");
    join(client, upstream, (piece) => {
      const found = /^last-event-id: (\S+)/im.exec(piece.toString("latin1"));
      if (found) state.lastEventIds.push(found[1]);
      return piece;
    });
    // An event with the mark still arrives, or a part of it, and nothing of what follows it; a WebSocket loses the
    // whole piece.
    join(upstream, client, (piece, from) => {
      const at = state.mark ? piece.indexOf(state.mark) : -1;
      if (at < 0) return piece;
      state.mark = null;
      from.pause();
      setTimeout(cut, GRACE_MS);
      const end = piece.indexOf("\n\n", at);
      if (end < 0) return piece.subarray(0, 0);
      if (!state.within) return piece.subarray(0, end + 2);
      const begin = piece.lastIndexOf("\n\n", at) + 1;
      const event = shortened(piece.toString("latin1", begin, end + 2));
      return Buffer.concat([piece.subarray(0, begin), Buffer.from(event, "latin1")]);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    cutAfter: (mark, outage) => Object.assign(state, { mark, outage, within: false }),
    cutWithin: (mark, outage) => Object.assign(state, { mark, outage, within: true }),
    get cuts() {
      return state.cuts;
    },
    get lastEventIds() {
      return state.lastEventIds;
    },
    close: () => {
      open.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
