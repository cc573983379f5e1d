import { useState } from 'preact/hooks';
import { fetchFile } from '../../api/client.ts';
import { failureLines } from '../../api/failure.ts';
import { migrationPath } from '../../api/migrationId.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { announce } from '../../components/announcer.tsx';

const FORMATS = [
  { format: 'html', text: 'HTML', extension: 'html' },
  { format: 'markdown', text: 'Markdown', extension: 'md' },
  { format: 'json', text: 'JSON', extension: 'json' },
] as const;

/** The report is fetched like everything else, because a link could not carry the key. */
export function ReportLink({ migration }: { migration: MigrationKey }) {
  const [note, setNote] = useState('');
  const save = async ({ format, extension }: (typeof FORMATS)[number]): Promise<void> => {
    try {
      const query = { format, tables: 'all' };
      const report = await fetchFile(`${migrationPath(migration)}/report`, { query });
      download(`${migration.name}-report.${extension}`, report);
      setNote('');
    } catch (error) {
      const text = `The report cannot be read: ${failureLines(error).join(' ')}`;
      setNote(text);
      announce(text);
    }
  };
  return (
    <div class="report-link" role="group" aria-label="Download the report">
      <span class="muted">Report</span>
      {FORMATS.map((item) => (
        <button key={item.format} type="button" class="button" onClick={() => void save(item)}>
          {item.text}
        </button>
      ))}
      {note === '' ? null : <span class="text-bad">{note}</span>}
    </div>
  );
}

function download(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
