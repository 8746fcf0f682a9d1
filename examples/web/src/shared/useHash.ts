import { useSyncExternalStore } from "react";

const listen = (changed: () => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

/** The part of the address after `#`, so that the back button and bookmarks work. */
export const useHash = (): string => useSyncExternalStore(listen, () => location.hash.slice(1));
