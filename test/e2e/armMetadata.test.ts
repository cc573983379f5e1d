import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { hasOpenssl, makeAuthority } from './support/certificates.ts';
import { testMigration } from './support/migrations.ts';
import { AZURE_SUBSCRIPTION, startRecordedAzure } from './support/recordedAzure.ts';
import { OUTSIDE_URL, startTestStack } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';

describe.skipIf(!hasOpenssl || OUTSIDE_URL !== undefined)('a target that is in Azure', () => {
  const stops: (() => PromiseLike<unknown>)[] = [];
  let source: ThrowawayCluster;
  let target: ThrowawayCluster;
  let stack: TestStack;

  beforeAll(async () => {
    const authority = await makeAuthority();
    stops.push(() => authority[Symbol.asyncDispose]());
    const azure = await startRecordedAzure(authority);
    stops.push(() => azure[Symbol.asyncDispose]());
    const file = path.join(tmpdir(), `pgmove-azure-${process.pid}.pem`);
    await writeFile(file, authority.certificate);
    stops.push(() => rm(file));
    const environment = {
      ...azure.environment,
      PGMOVE_ARM_METADATA: 'true',
      PGMOVE_ARM_ENDPOINT: azure.endpoint,
      NODE_EXTRA_CA_CERTS: file,
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    [source, target, stack] = await Promise.all([
      startThrowawayCluster(),
      startThrowawayCluster(),
      startTestStack(),
    ]);
    stops.push(
      () => source.stop(),
      () => target.stop(),
      () => stack[Symbol.asyncDispose](),
    );
    await source.createDatabase('shop');
    await source.run('create extension citext', 'shop');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    for (const stop of stops.reverse()) await stop();
  });

  it('what Azure says of it is in the metadata, and judged by the rules', async () => {
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['shop'],
      subscription: AZURE_SUBSCRIPTION,
      properties: { migrationOption: 'Validate' },
    });
    await migration.put();
    const { properties } = await migration.ended();
    expect(properties['targetDbServerMetadata']).toMatchObject({
      location: 'West Europe',
      storageMb: 32_768,
      sku: { name: 'Standard_B2s', tier: 'Burstable' },
      version: expect.stringMatching(/^15\./) as string,
    });
    const answer = await fetch(`${migration.url}/validation?api-version=2025-08-01`);
    const report = validationReportSchema.parse(await answer.json());
    expect(report.findings.map(({ state, ruleId }) => [state, ruleId])).toEqual([
      ['Failed', 'extensions-allowed'],
      ['Warning', 'target-tier'],
      ['Warning', 'target-high-availability'],
      ['Warning', 'target-high-availability'],
    ]);
    expect(report.notChecked.map(({ ruleId }) => ruleId)).toEqual([
      'target-region',
      'schema-dry-run',
    ]);
    const states = new Map(report.rules.map(({ ruleId, state }) => [ruleId, state]));
    expect(states.get('target-storage')).toBe('Succeeded');
    expect(states.get('target-region')).toBe('NotChecked');
  });
});
