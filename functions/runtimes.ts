import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { messageOf } from '../shared/errors/migrationError.ts';
import { QUEUES } from '../shared/contracts/names.ts';
import { TASK_HUB_SETTING } from '../shared/contracts/runtimes.ts';
import { runtime } from '../shared/state/runtime.ts';
import { callLog } from '../shared/telemetry/log.ts';
import { purgeCarried, startCarried, wakeCarried } from './durable/carrier.ts';
import { readRuntimeCommand } from './durable/messages.ts';
import { registerRuntime } from './durable/registration.ts';
import { isFront, queueName } from './durable/deployment.ts';

/*
 * What makes worker groups: a deployment tells that it is there, and is told what other deployments'
 * API was asked for.
 */

if (!isFront) {
  app.hook.appStart(() => {
    // The timer tries again, and reports what is wrong.
    registerRuntime(process.env[TASK_HUB_SETTING]).catch(() => undefined);
  });

  app.timer('runtimeHeartbeat', {
    schedule: '30 * * * * *',
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      await registerRuntime(df.getClient(context).taskHubName).catch((error: unknown) => {
        callLog(context).error('this deployment is not registered', { error: messageOf(error) });
      });
    },
  });
}

app.storageQueue('runtimeCommands', {
  queueName: queueName(QUEUES.runtimeCommands),
  connection: 'AzureWebJobsStorage',
  extraInputs: [df.input.durableClient()],
  handler: async (entry, context) => {
    const { kind, ref } = readRuntimeCommand(entry);
    const { stores, settings } = await runtime();
    const record = await stores.migrations.get(ref);
    if (record === undefined) return;
    const here = { stores, settings, client: df.getClient(context) };
    if (kind === 'start') await startCarried(here, record);
    else if (kind === 'wake') await wakeCarried(here, record);
    else await purgeCarried(here, record);
  },
});
