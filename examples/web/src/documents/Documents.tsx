import { ListDocumentsDocument, type ListDocumentsQuery } from "../generated/operations.ts";
import { Problem } from "../shared/Problem.tsx";
import { useQuery } from "../shared/useQuery.ts";
import type { Place } from "../Workspace.tsx";
import { UploadForm } from "./UploadForm.tsx";
import { UploadRow } from "./UploadRow.tsx";
import { useUploads } from "./useUploads.ts";

type KnowledgeBase = Extract<ListDocumentsQuery["node"], { documents: unknown }>;
type Document = KnowledgeBase["documents"]["nodes"][number];

const STATUS = {
  READY: "Ready",
  PENDING: "Waiting",
  PROCESSING: "In progress",
  FAILED: "Failed",
  QUARANTINED: "Refused",
} as const;

export function Documents({ connection, knowledgeBaseId }: Place) {
  const { data, failure, loading, reload } = useQuery(connection, ListDocumentsDocument, { knowledgeBaseId, first: 50 });
  const { uploads, add } = useUploads(connection, knowledgeBaseId, reload);
  const documents = data?.node && "documents" in data.node ? data.node.documents : undefined;
  return (
    <>
      <h1>Documents</h1>
      <UploadForm onFile={add} />
      {uploads.length > 0 && (
        <ul className="uploads" aria-label="Uploads">
          {uploads.map((upload) => (
            <UploadRow key={upload.key} upload={upload} />
          ))}
        </ul>
      )}
      {failure !== null && <Problem failure={failure} onRetry={reload} />}
      {!documents && loading && <p className="empty">Loading documents…</p>}
      {documents?.nodes.length === 0 && <p className="empty">Nothing here yet. Upload a first document.</p>}
      {documents && documents.nodes.length > 0 && <Table documents={documents.nodes} total={documents.totalCount} />}
    </>
  );
}

const Table = ({ documents, total }: { documents: readonly Document[]; total: number }) => (
  <table>
    <caption>
      {total} {total === 1 ? "document" : "documents"}
    </caption>
    <thead>
      <tr>
        <th scope="col">Title</th>
        <th scope="col">Tags</th>
        <th scope="col">Changed</th>
        <th scope="col">State</th>
      </tr>
    </thead>
    <tbody>
      {documents.map((document) => (
        <tr key={document.id}>
          <td>
            {document.title || document.externalId || "Untitled"}
            {document.latestJob?.error && <span className="quiet">{document.latestJob.error.message}</span>}
          </td>
          <td>
            {document.tags.map((tag) => (
              <span className="tag" key={tag}>
                {tag}
              </span>
            ))}
          </td>
          <td>
            <time dateTime={document.updatedAt}>{new Date(document.updatedAt).toLocaleDateString()}</time>
          </td>
          <td>
            <span className="state" data-state={document.status}>
              {STATUS[document.status]}
            </span>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
