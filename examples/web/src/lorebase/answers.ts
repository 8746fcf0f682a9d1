/** An answer as it grows: one state, one step for each event. */
import type { FollowAnswerSubscription, FollowAnswerSubscriptionVariables } from "../generated/operations.ts";
import { FollowAnswerDocument } from "../generated/operations.ts";
import { events } from "./events.ts";
import { LorebaseError, type Connection } from "./request.ts";
import { resumed, type ResumeOptions } from "./resume.ts";
import { withDelta } from "./text.ts";

export type AnswerEvent = FollowAnswerSubscription["answerEvents"];
type Of<Name extends AnswerEvent["__typename"]> = Extract<AnswerEvent, { __typename: Name }>;
export type Citation = Of<"AnswerCitation">["citation"];

export interface AnswerState {
  status: "waiting" | "searching" | "writing" | "done" | "failed";
  text: string;
  citations: readonly Citation[];
  passages: number;
  finishReason?: Of<"AnswerCompleted">["finishReason"];
  support?: number | null | undefined;
  error?: { code: string; message: string; retryable: boolean };
}

export const NEW_ANSWER: AnswerState = { status: "waiting", text: "", citations: [], passages: 0 };

/** The state after an event. Members of the union that this program does not know change nothing. */
export function step(state: AnswerState, event: AnswerEvent): AnswerState {
  switch (event.__typename) {
    case "AnswerStarted":
      return { ...state, status: "searching" };
    case "AnswerRetrieved":
      return { ...state, status: "writing", passages: event.hits.length };
    case "AnswerDelta":
      return { ...state, status: "writing", text: withDelta(state.text, event.offset, event.text) };
    case "AnswerCitation":
      return { ...state, citations: [...state.citations.filter(other(event.citation)), event.citation] };
    case "AnswerCompleted": {
      const { text, citations, support } = event.answer;
      return { ...state, status: "done", text, citations, support, finishReason: event.finishReason };
    }
    case "AnswerFailed":
      return { ...state, status: "failed", text: event.answer.text, error: event.error };
    case "StreamReset": {
      const { snapshot } = event;
      if (!("text" in snapshot)) return state;
      return { ...state, text: snapshot.text, citations: snapshot.citations };
    }
    default:
      return state;
  }
}

const other = (citation: Citation) => (kept: Citation) => kept.index !== citation.index;

/** The events of an answer to its end, however often the connection drops. */
export function followAnswer(
  connection: Connection,
  answerId: string,
  options: Omit<ResumeOptions, "isTransient"> = {},
): AsyncGenerator<AnswerEvent> {
  const variables: FollowAnswerSubscriptionVariables = { answerId };
  const open = async function* (after: string | undefined) {
    const { signal } = options;
    const results = events(connection, FollowAnswerDocument, variables, { lastEventId: after, signal });
    for await (const { answerEvents } of results) yield answerEvents;
  };
  return resumed(open, { ...options, isTransient });
}

export const isTransient = (failure: unknown): boolean => failure instanceof LorebaseError && failure.retryable;
