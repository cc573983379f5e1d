import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { Command } from 'commander';
import { registerCompare } from '../../../cli/compare.ts';
import { CommandError } from '../../../cli/exitCode.ts';
import { CONTENT_SQL } from './contentDatabase.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startThrowawayCluster({ settings: { fsync: 'off' } });
  for (const name of ['source', 'equal', 'other']) {
    await cluster.createDatabase(name);
    await cluster.run(CONTENT_SQL, name);
  }
  await cluster.run("update plain.keyed set t = 'x' where id = 7; drop table plain.empty", 'other');
});

afterAll(() => cluster.stop());

async function compare(...args: string[]): Promise<{ code: unknown; output: string }> {
  let output = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((text: string) => {
    output += text;
    return true;
  }) as typeof process.stdout.write;
  const program = new Command().exitOverride();
  registerCompare(program);
  program.commands.forEach((command) => command.exitOverride());
  const before = process.exitCode;
  try {
    await program.parseAsync(['node', 'pgmove', 'compare', ...args]);
    return { code: process.exitCode, output };
  } finally {
    process.stdout.write = write;
    process.exitCode = before;
  }
}

test('equal databases end with 0 and a table', async () => {
  const { code, output } = await compare(
    '--source',
    cluster.uri('source'),
    '--target',
    cluster.uri('equal'),
  );
  expect(output).toMatch(/^tables +\d+ +\d+ +equal$/m);
  expect(output).toMatch(/^rows of 13 tables +1,5\d\d +1,5\d\d +equal$/m);
  expect(output).toContain('The databases are equal');
  expect(code).toBe(0);
});

test('differences end with 1 and are named', async () => {
  const { code, output } = await compare(
    '--source',
    cluster.uri('source'),
    '--target',
    cluster.uri('other'),
  );
  expect(output).toContain('  plain.empty: missing on the target\n');
  expect(output).toContain('  plain.keyed: 1000 rows on both sides, but not the same ones\n');
  expect(output).toContain('    (id) = (7): different\n');
  expect(code).toBe(1);
});

test('--json prints the comparison and nothing else', async () => {
  const { code, output } = await compare(
    '--source',
    cluster.uri('source'),
    '--target',
    cluster.uri('other'),
    '--json',
    '--exclude',
    'empty',
  );
  const comparison = JSON.parse(output) as {
    equal: boolean;
    tables: { name: string; equal: boolean }[];
  };
  expect(comparison.tables.filter((table) => !table.equal).map((table) => table.name)).toEqual([
    'keyed',
  ]);
  expect(code).toBe(1);
});

test('a wrong string and a missing database end with 2', async () => {
  const source = cluster.uri('source');
  for (const target of ['postgresql://h/d?foo=1', cluster.uri('nowhere')]) {
    const error: unknown = await compare('--source', source, '--target', target).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(CommandError);
    expect((error as CommandError).exitCode).toBe(2);
  }
});
