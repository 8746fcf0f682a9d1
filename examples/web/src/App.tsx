import { useState } from "react";
import { Connect } from "./connect/Connect.tsx";
import { forget, recall, remember } from "./connect/session.ts";
import type { Connection } from "./lorebase/request.ts";
import { Workspace } from "./Workspace.tsx";

export function App() {
  const [connection, setConnection] = useState<Connection | null>(recall);
  const connect = (made: Connection) => {
    remember(made);
    setConnection(made);
  };
  const disconnect = () => {
    forget();
    setConnection(null);
  };
  if (!connection) return <Connect onConnect={connect} />;
  return <Workspace connection={connection} onDisconnect={disconnect} />;
}
