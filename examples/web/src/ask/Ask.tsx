import { useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { AskQuestionDocument } from "../generated/operations.ts";
import type { Citation } from "../lorebase/answers.ts";
import { request } from "../lorebase/request.ts";
import { Problem } from "../shared/Problem.tsx";
import type { Place } from "../Workspace.tsx";
import { Answer } from "./Answer.tsx";
import { Quote } from "./Quote.tsx";

interface Exchange {
  question: string;
  answerId: string;
}

export function Ask({ connection, workspaceId, knowledgeBaseId }: Place) {
  const [exchanges, setExchanges] = useState<readonly Exchange[]>([]);
  const [conversationId, setConversationId] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [opened, setOpened] = useState<Citation | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const attempt = useRef<{ question: string; key: string }>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const question = field.current?.value.trim();
    if (!question || busy) return;
    setBusy(true);
    setFailure(null);
    // A new conversation names its owner; a next question goes into the one that is there.
    const place = conversationId ? { conversationId } : { workspaceId };
    const retrieval = { knowledgeBaseIds: [knowledgeBaseId], query: "" };
    // Sending the same question again after a failure must not ask it twice.
    if (attempt.current?.question !== question) attempt.current = { question, key: crypto.randomUUID() };
    const input = { question, retrieval, idempotencyKey: attempt.current.key, ...place };
    try {
      const { ask } = await request(connection, AskQuestionDocument, { input });
      const answerId = ask.answer?.id;
      if (!answerId) throw new Error(ask.userErrors[0]?.message ?? "The question was not taken.");
      attempt.current = null;
      setConversationId(ask.conversation?.id);
      setExchanges((all) => [...all, { question, answerId }]);
      if (field.current) field.current.value = "";
    } catch (problem) {
      setFailure(problem);
    } finally {
      setBusy(false);
    }
  };

  const startOver = () => {
    setExchanges([]);
    setConversationId(undefined);
    field.current?.focus();
  };

  return (
    <div className="ask">
      <div className="ask-head">
        <h1>Ask</h1>
        {exchanges.length > 0 && (
          <button className="plain" onClick={startOver}>
            New conversation
          </button>
        )}
      </div>
      {exchanges.length === 0 && (
        <p className="empty">Answers come from your documents only, and every claim names the words it rests on.</p>
      )}
      {exchanges.map(({ question, answerId }) => (
        <article key={answerId} aria-label={question}>
          <h2 className="question">{question}</h2>
          <Answer connection={connection} answerId={answerId} onOpen={setOpened} />
        </article>
      ))}
      {failure !== null && <Problem failure={failure} />}
      <form className="ask-form" onSubmit={submit}>
        <textarea
          ref={field}
          rows={1}
          maxLength={4000}
          aria-label="Your question"
          placeholder={exchanges.length === 0 ? "What would you like to know?" : "Ask a next question"}
          onKeyDown={sendOnEnter}
        />
        <button className="primary" disabled={busy}>
          {busy ? "Sending…" : "Ask"}
        </button>
      </form>
      {opened && <Quote connection={connection} citation={opened} onClose={() => setOpened(null)} />}
    </div>
  );
}

/** Enter sends, Shift and Enter makes a new line; not while an input method composes a word. */
function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
  event.preventDefault();
  event.currentTarget.form?.requestSubmit();
}
