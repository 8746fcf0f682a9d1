import { useCallback, useEffect, useRef, useState } from "react";
import { UploadDocumentDocument } from "../generated/operations.ts";
import { followJob, NEW_JOB, step, type JobState } from "../lorebase/jobs.ts";
import type { Connection } from "../lorebase/request.ts";
import { upload } from "../lorebase/upload.ts";

export interface UploadState {
  key: string;
  name: string;
  job: JobState | "sending" | "unchanged";
  reconnecting: boolean;
  problem?: string;
}

/** Uploads of this page, the newest first, each followed until its document is searchable. */
export function useUploads(connection: Connection, knowledgeBaseId: string, onReady: () => void) {
  const [uploads, setUploads] = useState<readonly UploadState[]>([]);
  const stop = useRef(new AbortController());
  useEffect(() => {
    stop.current = new AbortController();
    const current = stop.current;
    return () => current.abort(); // The page stops looking; the jobs go on.
  }, []);

  const add = useCallback(
    async (file: File, tags: readonly string[]) => {
      const key = crypto.randomUUID();
      const { signal } = stop.current;
      const change = (part: Partial<UploadState>) =>
        setUploads((all) => all.map((one) => (one.key === key ? { ...one, ...part } : one)));
      setUploads((all) => [{ key, name: file.name, job: "sending", reconnecting: false }, ...all]);
      try {
        const variables = { knowledgeBaseId, file, externalId: file.name, tags, idempotencyKey: key };
        const { upsertDocument } = await upload(connection, UploadDocumentDocument, variables, signal);
        const [refusal] = upsertDocument.userErrors;
        if (refusal) return change({ problem: refusal.message });
        onReady();
        if (!upsertDocument.job) return change({ job: "unchanged" });
        let job = NEW_JOB;
        change({ job });
        const onConnection = (state: string) => change({ reconnecting: state === "reconnecting" });
        for await (const event of followJob(connection, upsertDocument.job.id, { signal, onConnection }))
          change({ job: (job = step(job, event)) });
        onReady();
      } catch (failure) {
        if (!signal.aborted) change({ problem: failure instanceof Error ? failure.message : String(failure) });
      }
    },
    [connection, knowledgeBaseId, onReady],
  );
  return { uploads, add };
}
