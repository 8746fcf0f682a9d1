/** A job as it goes on. */
import type { FollowJobSubscription } from "../generated/operations.ts";
import { FollowJobDocument } from "../generated/operations.ts";
import { isTransient } from "./answers.ts";
import { events } from "./events.ts";
import type { Connection } from "./request.ts";
import { resumed, type ResumeOptions } from "./resume.ts";

export type JobEvent = FollowJobSubscription["jobEvents"];
type Progress = Extract<JobEvent, { __typename: "JobProgressed" }>["progress"];
export type Stage = NonNullable<Progress["stage"]>;

export interface JobState {
  status: "queued" | "running" | "retrying" | "succeeded" | "failed";
  stage: Stage | null;
  completed: number;
  total: number | null;
  error?: { code: string; message: string } | undefined;
}

export const NEW_JOB: JobState = { status: "queued", stage: null, completed: 0, total: null };

const withProgress = (state: JobState, { stage, completed, total }: Progress): JobState => ({
  ...state,
  status: "running",
  stage: stage ?? state.stage,
  completed,
  total: total ?? null,
});

/** The state after an event. */
export function step(state: JobState, event: JobEvent): JobState {
  switch (event.__typename) {
    case "JobStarted":
      return { ...state, status: "running", error: undefined };
    case "JobProgressed":
      return withProgress(state, event.progress);
    case "JobRetried":
      return { ...state, status: "retrying", error: event.error };
    case "JobSucceeded":
      return { ...state, status: "succeeded" };
    case "JobFailed":
      return { ...state, status: "failed", error: event.failure ?? { code: "CANCELLED", message: "Cancelled." } };
    case "StreamReset":
      return "progress" in event.snapshot ? withProgress(state, event.snapshot.progress) : state;
    default:
      return state;
  }
}

/** The events of a job to its end, however often the connection drops. */
export function followJob(
  connection: Connection,
  jobId: string,
  options: Omit<ResumeOptions, "isTransient"> = {},
): AsyncGenerator<JobEvent> {
  const open = async function* (after: string | undefined) {
    const { signal } = options;
    const results = events(connection, FollowJobDocument, { jobId }, { lastEventId: after, signal });
    for await (const { jobEvents } of results) yield jobEvents;
  };
  return resumed(open, { ...options, isTransient });
}
