import { useRef, useState, type DragEvent } from "react";

const listOf = (text: string) => text.split(",").map((word) => word.trim()).filter(Boolean);

/** Files by drop or by choice, with tags for all of them. */
export function UploadForm({ onFile }: { onFile: (file: File, tags: readonly string[]) => void }) {
  const [over, setOver] = useState(false);
  const [tags, setTags] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const take = (files: FileList | null) => [...(files ?? [])].forEach((file) => onFile(file, listOf(tags)));
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <div
      className="drop"
      data-over={over}
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <p>
        <strong>Drop files here</strong>
        <span className="quiet">Text, Markdown, HTML, PDF, DOCX, CSV or JSON, up to 32 MiB each</span>
      </p>
      <label className="tags">
        Tags
        <input value={tags} onChange={(event) => setTags(event.target.value)} placeholder="handbook, 2026" />
      </label>
      <button className="primary" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={(event) => {
          take(event.target.files);
          event.target.value = ""; // The same file can be chosen again.
        }}
      />
    </div>
  );
}
