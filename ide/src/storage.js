const HISTORIES = ["graphiql:queries", "graphiql:favorites"];

const edit = (text, change) => JSON.stringify(JSON.parse(text), change);

/**
 * `storage` for GraphiQL, which would keep the headers of every operation in its history, and with them the API key:
 * here they are never written, and an entry that comes back has `defaultHeaders`.
 */
export function withoutHeaders(storage, defaultHeaders) {
  return {
    getItem(key) {
      const text = storage.getItem(key);
      if (!text || !HISTORIES.includes(key)) return text;
      return edit(text, (_, value) => (value?.query ? { ...value, headers: defaultHeaders } : value));
    },
    setItem(key, text) {
      const kept = HISTORIES.includes(key) ? edit(text, (name, value) => (name === "headers" ? undefined : value)) : text;
      storage.setItem(key, kept);
    },
    removeItem: (key) => storage.removeItem(key),
    clear: () => storage.clear(),
    get length() {
      return storage.length;
    },
  };
}
