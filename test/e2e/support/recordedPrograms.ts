import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { clientBinaries } from '../../../shared/pg/clientBinaries.ts';

export interface RecordedPrograms {
  /** For PG_BIN_DIR. */
  readonly folder: string;
  /** A line for each start of one: its name and its arguments. */
  lines(): Promise<string[]>;
}

/** PostgreSQL's programs, each behind a script that writes down how it is called. */
export async function recordPrograms(parent: string): Promise<RecordedPrograms> {
  const { folder: real } = await clientBinaries();
  const folder = path.join(parent, 'bin');
  const file = path.join(parent, 'calls');
  await mkdir(folder);
  await writeFile(file, '');
  for (const name of ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql']) {
    const script = [
      '#!/bin/sh',
      `{ printf '%s' ${name}; printf ' %s' "$@"; echo; } >> '${file}'`,
      `exec '${path.join(real, name)}' "$@"`,
    ];
    await writeFile(path.join(folder, name), `${script.join('\n')}\n`, { mode: 0o755 });
  }
  return {
    folder,
    lines: async () => (await readFile(file, 'utf8')).split('\n').filter(Boolean),
  };
}
