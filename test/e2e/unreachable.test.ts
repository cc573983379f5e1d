import { expect, it } from 'vitest';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import type { ValidationReport } from '../../shared/api/validationReport.ts';
import { freePort } from '../../scripts/freePort.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(
  async (started) => {
    site = started;
    await site.source.run("create role guarded login superuser password 'right'");
    await site.source.createDatabase('shop');
  },
  { source: { hbaLines: ['host all guarded 127.0.0.1/32 scram-sha-256'] } },
);

async function validated(
  users: { source?: string; target?: string },
  properties: Record<string, unknown>,
): Promise<{ state: string; report: ValidationReport }> {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop'],
    users,
    properties,
  });
  await migration.put();
  const { currentStatus } = (await migration.ended()).properties;
  const answer = await fetch(`${migration.url}/validation?api-version=2025-08-01`);
  return {
    state: currentStatus.state,
    report: validationReportSchema.parse(await answer.json()),
  };
}

const failures = ({ findings }: ValidationReport) =>
  findings.map(({ state, ruleId, code, databaseName = '', message }) => [
    state,
    ruleId,
    code,
    databaseName,
    message.slice(0, 27),
  ]);

it.each(['Validate', 'ValidateAndMigrate'])(
  '%s with a wrong password is a whole report',
  async (migrationOption) => {
    const { state, report } = await validated({ source: 'guarded' }, { migrationOption });
    expect(state).toBe('ValidationFailed');
    expect(report.status).toBe('Failed');
    expect(failures(report)).toEqual([
      ['Failed', 'server-reachable', '603100', '', 'The source cannot be reache'],
      ['Failed', 'server-reachable', '603100', 'shop', 'The source cannot be reache'],
    ]);
    expect(report.validationDetails?.validationEndTimeInUtc).toBeDefined();
    expect(report.rules.find(({ ruleId }) => ruleId === 'server-reachable')).toMatchObject({
      state: 'Failed',
      durationMs: expect.any(Number) as number,
    });
  },
);

it('a source and a target where nobody listens are both in the report', async () => {
  const { state, report } = await validated(
    {},
    {
      migrationOption: 'Validate',
      sourceDbServerResourceId: `127.0.0.1:${await freePort()}@postgres`,
      targetDbServerFullyQualifiedDomainName: `127.0.0.1:${await freePort()}`,
    },
  );
  expect(state).toBe('ValidationFailed');
  expect(failures(report).map(([, ...rest]) => rest)).toEqual([
    ['server-reachable', '603000', '', 'The source cannot be reache'],
    ['server-reachable', '603000', '', 'The target cannot be reache'],
    ['server-reachable', '603000', 'shop', 'The source cannot be reache'],
    ['server-reachable', '603000', 'shop', 'The target cannot be reache'],
  ]);
});
