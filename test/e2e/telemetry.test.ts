import { afterAll, expect, it } from 'vitest';
import { freePort } from '../../scripts/freePort.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { migrationReportSchema } from '../../shared/api/report/schema.ts';
import { startSink } from '../telemetry/sink.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const PASSWORD = 'Losung-4711-geheim';
/** In rows, and in what functions say about them. */
const MARKER = 'wert-aus-einer-zeile-0815';

const sink = await startSink();
const metricsPort = await freePort();
afterAll(() => sink[Symbol.asyncDispose]());

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite(
  (site) => {
    ({ source, target, stack } = site);
  },
  {
    settings: {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_METRIC_EXPORT_INTERVAL: '200',
      PGMOVE_METRICS_PORT: String(metricsPort),
      PGMOVE_LOG_LEVEL: 'trace',
      FUNCTIONS_HOST_LOG_LEVEL: 'trace',
    },
  },
);

const SECRETS = {
  secretParameters: {
    adminCredentials: { sourceServerPassword: PASSWORD, targetServerPassword: PASSWORD },
    targetServerUsername: 'postgres',
  },
};

interface OtlpSpan {
  traceId: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status?: { code?: number };
}

function sent(path: string): string[] {
  return sink.requests.filter((request) => request.path === path).map(({ body }) => body);
}

function spans(): OtlpSpan[] {
  return sent('/v1/traces').flatMap((body) => {
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
    };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  });
}

function attribute(span: OtlpSpan, key: string): unknown {
  const value = span.attributes.find((item) => item.key === key)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
}

const scrape = async () => await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();

it.skipIf(OUTSIDE_URL !== undefined)(
  'an online migration is seen by a collector and by Prometheus while it runs',
  async () => {
    await source.createDatabase('seen');
    await source.run(
      `create table one (id int primary key, v text);
     insert into one select i, '${MARKER}' from generate_series(1, 500) i;`,
      'seen',
    );
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['seen'],
      properties: { migrationMode: 'Online', ...SECRETS },
    });
    const { properties } = await migration.put();
    const id = String(properties['migrationId']);
    await migration.waitForSubState('WaitingForCutoverTrigger');
    await source.run(
      `insert into one select i, '${MARKER}' from generate_series(501, 600) i`,
      'seen',
    );
    const labels = `pgmove_migration_id="${id}",pgmove_database="seen"`;
    const text = await waitFor('100 applied changes', async () => {
      const answer = await scrape();
      return answer.includes(`pgmove_stream_changes_applied_total{${labels}} 100\n`) && answer;
    });
    expect(text).toContain('\npgmove_streams 1\n');
    expect(text).toMatch(new RegExp(`pgmove_stream_lag_time_seconds\\{${labels}\\} [0-9.]+\n`));
    expect(text).toMatch(new RegExp(`pgmove_slot_retained_size_bytes\\{${labels}\\} \\d+\n`));
    const health = await fetch(`http://127.0.0.1:${metricsPort}/health`);
    expect(await health.json()).toEqual({ status: 'healthy' });
    await waitFor('the applied changes at the collector', () =>
      Promise.resolve(sent('/v1/metrics').some((body) => body.includes('pgmove.stream.lag.time'))),
    );

    await migration.patch({ triggerCutover: 'True' });
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
    const answer = await fetch(`${migration.url}/report?api-version=2025-08-01`);
    const [database] = migrationReportSchema.strict().parse(await answer.json()).databases;
    expect(database?.replication).toMatchObject({ appliedChanges: 100, inserts: 100 });
    expect(database?.cutover?.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(database?.cutover?.durationMs).toBeGreaterThan(0);
    expect(database?.cutover?.latencySeconds).toBeGreaterThanOrEqual(0);
    expect(database?.cutover?.lagBytes).toBeGreaterThanOrEqual(0);
    const copies = await waitFor('the span of the copy', () => {
      const found = spans().filter(({ name }) => name === 'copyBatch');
      return Promise.resolve(found.length > 0 && found);
    });
    expect(copies[0]?.traceId).toBe(id.replaceAll('-', ''));
    expect(copies.map((span) => attribute(span, 'pgmove.table'))).toContain('public.one');
    expect(attribute(copies[0]!, 'pgmove.database')).toBe('seen');
    expect(attribute(copies[0]!, 'pgmove.orchestration.instance')).toMatch(/./);
    const metrics = sent('/v1/metrics').join('\n');
    for (const name of ['pgmove.copy.rows', 'pgmove.copy.size', 'pgmove.step.duration']) {
      expect(metrics).toContain(name);
    }
    expect(metrics).toContain('pgmove-functions');
    expect(metrics).toContain('pgmove-replicator');
  },
);

it.skipIf(OUTSIDE_URL !== undefined)(
  'lines have their fields; no log, span, answer or report has a value of a row or a secret',
  async () => {
    await source.createDatabase('failing');
    // On the target the function refuses each row and quotes it.
    await source.run(
      `create function strict_key(t text) returns text immutable language plpgsql as $$
       begin
         if current_setting('port')::int <> ${source.port} then raise exception 'refused: %', t; end if;
         return t;
       end $$;
     create table quoted (id int primary key, v text);
     create index quoted_key on quoted (strict_key(v));
     insert into quoted values (1, '${MARKER}');
     create table same (v text);
     insert into same values ('${MARKER}');`,
      'failing',
    );
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['failing'],
      properties: SECRETS,
    });
    const { properties } = await migration.put();
    const id = String(properties['migrationId']);
    const ended = await migration.ended();
    expect(ended.properties.currentStatus.state).toBe('Failed');

    const lines = (await stack.wholeLog('host'))
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const ofMigration = lines.filter((line) => line['migrationId'] === id);
    expect(ofMigration.map((line) => line['step'])).toContain('copyBatch');
    for (const line of ofMigration) {
      expect(line).toMatchObject({ name: 'host', migration: migration.name });
      expect(typeof line['msg']).toBe('string');
    }
    expect(ofMigration.find((line) => line['step'] === 'copyBatch')).toMatchObject({
      database: 'failing',
      instanceId: expect.stringMatching(/./) as string,
    });

    const report = await fetch(`${migration.url}/report?api-version=2025-08-01&format=markdown`);
    const everything = [
      await stack.wholeLog('host'),
      await stack.wholeLog('replicator'),
      ...sink.requests.map(({ body }) => body),
      JSON.stringify(ended),
      await report.text(),
    ];
    for (const text of everything) {
      expect(text).not.toContain(MARKER);
      expect(text).not.toContain(PASSWORD);
    }
    expect(everything[0]).not.toBe('');
    expect(everything[1]).not.toBe('');
  },
);
