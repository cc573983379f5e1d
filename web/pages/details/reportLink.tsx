import { useState } from 'preact/hooks';
import { callApi } from '../../api/client.ts';
import { isNotFound } from '../../api/failure.ts';
import { migrationPath } from '../../api/migrationId.ts';
import type { MigrationKey } from '../../api/migrationId.ts';
import { announce } from '../../components/announcer.tsx';

/** The report is fetched like everything else, because a link could not carry the key. */
export function ReportLink({ migration }: { migration: MigrationKey }) {
  const [note, setNote] = useState('');
  const save = async (): Promise<void> => {
    try {
      const report = await callApi<unknown>(`${migrationPath(migration)}/report`);
      download(`${migration.name}-report.json`, JSON.stringify(report, undefined, 2));
      setNote('');
    } catch (error) {
      const text = isNotFound(error) ? 'There is no report of it.' : 'The report cannot be read.';
      setNote(text);
      announce(text);
    }
  };
  return (
    <>
      <button type="button" class="button" onClick={() => void save()}>
        Download report
      </button>
      {note === '' ? null : <span class="muted">{note}</span>}
    </>
  );
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
