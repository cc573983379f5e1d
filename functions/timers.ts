import { app } from '@azure/functions';
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { sweepDeliveries } from '../shared/notifications/dispatch.ts';
import { sweepOutboxes } from '../shared/notifications/publisher.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { runtime } from '../shared/state/runtime.ts';
import { isFront } from './durable/deployment.ts';
import { dispatcher } from './durable/dispatcher.ts';
import { watchSessions } from './durable/sessionWatch.ts';
import { callLog } from '../shared/telemetry/log.ts';
import { watchStreams } from './durable/streamWatch.ts';
import { purgeExpired, sweepSecrets, watchMigrations } from './durable/watchdog.ts';

function warnOf(context: InvocationContext, failures: readonly unknown[]): void {
  for (const error of failures) {
    callLog(context).warn('skipped', { error: messageOf(error) });
  }
}

app.timer('watchdog', {
  schedule: '15 * * * * *',
  extraInputs: [df.input.durableClient()],
  handler: async (_timer, context) => {
    const { stores, settings } = await runtime();
    const client = df.getClient(context);
    warnOf(context, await watchMigrations(stores, client, new Date(), settings.runtime));
    warnOf(context, await watchStreams(stores, new Date(), settings.failedRetentionHours));
    warnOf(context, await watchSessions(stores, new Date()));
  },
});

// Events are published by one deployment.
if (isFront) {
  app.timer('outboxSweep', {
    schedule: '45 * * * * *',
    handler: async (_timer, context) => {
      const work = dispatcher(await runtime(), context);
      await sweepDeliveries(work);
      await sweepOutboxes(work.stores, work.destinations);
    },
  });
}

app.timer('retentionPurge', {
  schedule: '0 20 * * * *',
  extraInputs: [df.input.durableClient()],
  handler: async (_timer, context) => {
    const { stores, settings } = await runtime();
    const client = df.getClient(context);
    const { retentionDays, runtime: group } = settings;
    warnOf(context, await purgeExpired(stores, client, new Date(), retentionDays, group));
  },
});

app.timer('secretSweep', {
  schedule: '0 40 * * * *',
  handler: async (_timer, context) => {
    const { stores, secrets } = await runtime();
    warnOf(context, await sweepSecrets(stores, secrets, new Date()));
  },
});
