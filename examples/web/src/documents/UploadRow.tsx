import type { JobState, Stage } from "../lorebase/jobs.ts";
import type { UploadState } from "./useUploads.ts";

const STAGES: readonly [Stage, string][] = [
  ["FETCH", "Reading"],
  ["PARSE", "Extracting text"],
  ["CHUNK", "Cutting passages"],
  ["EMBED", "Embedding"],
  ["INDEX", "Indexing"],
];

/** A word for people, whatever the state. */
function describe({ job, problem, reconnecting }: UploadState): string {
  if (problem) return problem;
  if (job === "sending") return "Uploading…";
  if (job === "unchanged") return "Already here, nothing to do";
  if (job.status === "failed") return job.error?.message ?? "Failed";
  if (job.status === "succeeded") return "Ready to search";
  if (reconnecting) return "Reconnecting…";
  if (job.status === "retrying") return `Trying again: ${job.error?.message ?? ""}`;
  if (job.status === "queued") return "Waiting for a worker";
  const label = STAGES.find(([stage]) => stage === job.stage)?.[1] ?? "Starting";
  return job.total ? `${label} · ${job.completed} of ${job.total}` : label;
}

function doneStages(job: JobState): number {
  if (job.status === "succeeded") return STAGES.length;
  return Math.max(0, STAGES.findIndex(([stage]) => stage === job.stage));
}

export function UploadRow({ upload }: { upload: UploadState }) {
  const { job, name, problem } = upload;
  const running = typeof job === "object" ? job : null;
  const done = running ? doneStages(running) : 0;
  const tone = problem || running?.status === "failed" ? "bad" : running?.status === "succeeded" ? "good" : "busy";
  return (
    <li className={`upload ${tone}`}>
      <span className="upload-name">{name}</span>
      <span className="upload-state" role="status">
        {describe(upload)}
      </span>
      {running && (
        <ol className="stages" aria-label={`Stages of ${name}`}>
          {STAGES.map(([stage, label], index) => (
            <li key={stage} title={label} data-state={index < done ? "done" : running.stage === stage ? "now" : "later"}>
              <span className="unseen">{label}</span>
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}
