import { useState, type FormEvent } from "react";
import { ViewerDocument } from "../generated/operations.ts";
import { request, type Connection } from "../lorebase/request.ts";
import { Logo } from "../shared/Logo.tsx";
import { Problem } from "../shared/Problem.tsx";

export function Connect({ onConnect }: { onConnect: (connection: Connection) => void }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const connection = { url: String(form.get("url")), key: String(form.get("key")).trim() };
    setBusy(true);
    setFailure(null);
    try {
      const { viewer } = await request(connection, ViewerDocument, {});
      if (!viewer) throw new Error("The server does not know this key.");
      onConnect(connection);
    } catch (problem) {
      setFailure(problem);
      setBusy(false);
    }
  };

  return (
    <main className="connect">
      <form className="card" onSubmit={submit}>
        <Logo />
        <h1>Ask your documents</h1>
        <p className="quiet">Connect to a Lorebase server. The key stays in this tab and is gone when you close it.</p>
        <label>
          Address
          <input name="url" type="url" required defaultValue={`${location.origin}/graphql`} />
        </label>
        <label>
          API key
          <input name="key" type="password" required autoComplete="off" placeholder="lb_…" autoFocus />
        </label>
        {failure !== null && <Problem failure={failure} />}
        <button className="primary" disabled={busy}>
          {busy ? "Connecting…" : "Connect"}
        </button>
      </form>
    </main>
  );
}
