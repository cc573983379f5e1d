import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../project/sources.ts';
import { differences, serverUrl } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(async (started) => {
  site = started;
  await site.source.createDatabase('scripted');
  await site.source.run(
    'create table t (id int primary key); insert into t values (1)',
    'scripted',
  );
});

const hasTools = ['curl', 'jq'].every((tool) => spawnSync(tool, ['--version']).status === 0);

/** What Bicep's example runs in Azure; there `az` gives the token, here a key stands for it. */
async function runScript(name: string, database: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-script-'));
  try {
    const output = path.join(folder, 'output.json');
    const child = spawn('bash', [path.join(root, 'examples/bicep/createMigration.sh')], {
      env: {
        PATH: process.env['PATH'],
        URL: `${serverUrl(site.stack)}/migrations/${name}?api-version=2025-08-01`,
        FUNCTION_KEY: process.env['PGMOVE_FUNCTION_KEY'] ?? 'none',
        BODY: JSON.stringify({
          location: 'local',
          properties: {
            migrationMode: 'Offline',
            migrationOption: 'ValidateAndMigrate',
            sourceDbServerResourceId: `127.0.0.1:${site.source.port}@postgres`,
            targetDbServerFullyQualifiedDomainName: `127.0.0.1:${site.target.port}`,
            dbsToMigrate: [database],
          },
        }),
        SOURCE_PASSWORD: 'Zauber-4711',
        TARGET_PASSWORD: 'Zauber-4711',
        TARGET_USER: 'postgres',
        POLL_SECONDS: '0',
        AZ_SCRIPTS_OUTPUT_PATH: output,
      },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    }
    const status = await new Promise((resolve) => child.once('close', resolve));
    const written = await readFile(output, 'utf8').catch(() => '{}');
    return { status, text, output: JSON.parse(written) as Record<string, unknown> };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!hasTools)('the script of the deployment example (needs curl and jq)', () => {
  it('creates a migration, waits for its end and writes the outputs', async () => {
    const name = `script-${Date.now()}`;
    const { status, text, output } = await runScript(name, 'scripted');
    expect(status, text).toBe(0);
    expect(output).toMatchObject({ name, state: 'Succeeded' });
    expect(text).not.toContain('Zauber');
    expect(await differences(site.source, site.target, 'scripted')).toEqual([]);
  });

  it('fails with the state of a migration that fails', async () => {
    const { status, text, output } = await runScript(`script-${Date.now()}`, 'absent');
    expect([status, output]).toEqual([1, {}]);
    expect(text).toMatch(/absent/);
    expect(text).not.toContain('Zauber');
  });
});
