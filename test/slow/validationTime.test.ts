import { expect, it } from 'vitest';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import type { ValidationReport } from '../../shared/api/validationReport.ts';
import { testMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import type { TestSite } from '../e2e/support/testSite.ts';

/* How long the validation of a database with very many tables takes is printed, and judged by people. */

const TABLES = 10_000;

let site: TestSite;

useTestSite(
  async (started) => {
    site = started;
    await site.source.createDatabase('many');
    await site.source.run('create schema shop', 'many');
    await site.source.run(
      `do $$ begin
         for i in 1..${TABLES} loop
           execute format('create table shop.t%s (id int primary key, name text not null,
             amount numeric check (amount >= 0), at timestamptz default now())', i);
           if i % 10 = 0 then
             execute format('alter table shop.t%s add foreign key (id) references shop.t1', i);
             execute format('create index on shop.t%s (name)', i);
           end if;
           if i % 500 = 0 then commit; end if;
         end loop; end $$`,
      'many',
    );
  },
  { source: { settings: { max_locks_per_transaction: '2000' } } },
);

it.each(['Offline', 'Online'])('%s: every rule, on ten thousand tables', async (migrationMode) => {
  const migration = testMigration({
    stack: site.stack,
    source: site.source,
    target: site.target,
    databases: ['many'],
    properties: { migrationMode, migrationOption: 'Validate' },
  });
  await migration.put();
  expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
  const answer = await fetch(`${migration.url}/validation?api-version=2025-08-01`);
  const report = validationReportSchema.parse(await answer.json());
  console.log(`${migrationMode}: ${TABLES} tables\n${summaryOf(report).join('\n')}`);
  expect(report.findings.filter(({ state }) => state === 'Failed')).toEqual([]);
});

function summaryOf({ durationMs = 0, databases, rules }: ValidationReport): string[] {
  const slowest = rules.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, 10);
  return [
    `  all: ${durationMs} ms`,
    `  rules of the database: ${databases[0]?.durationMs ?? 0} ms`,
    ...slowest.map((rule) => `  ${rule.ruleId}: ${rule.durationMs} ms`),
  ];
}
