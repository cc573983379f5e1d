import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { OrchestrationRuntimeStatus } from 'durable-functions';
import type { DurableClient } from 'durable-functions';
import { ApiError } from '../../shared/api/errors.ts';
import { ORCHESTRATORS } from '../../shared/contracts/names.ts';
import type { ProbeInput, ProbeOutput } from '../../shared/contracts/probe.ts';
import type { SecretBundle, SecretStore } from '../../shared/secrets/secretStore.ts';

/** Longer than two attempts to connect; shorter than what gateways wait for an answer. */
const LONGEST_WAIT_MS = 60_000;
const LOOK_EVERY_MS = 100;

type ProbeClient = Pick<DurableClient, 'startNew' | 'getStatus' | 'purgeInstanceHistory'>;

/**
 * Has an activity look at servers, as nothing here may speak to PostgreSQL, and waits for it. The
 * secrets and the instance's history are gone afterwards.
 *
 * @throws ApiError 504 when there is no answer in time.
 */
export async function runProbe(
  client: ProbeClient,
  secrets: SecretStore,
  bundle: SecretBundle,
  probe: Omit<ProbeInput, 'secretId'>,
): Promise<ProbeOutput> {
  const secretId = randomUUID();
  const instanceId = `probe-${secretId}`;
  await secrets.put(secretId, bundle);
  try {
    const input: ProbeInput = { secretId, ...probe };
    await client.startNew(ORCHESTRATORS.probe, { instanceId, input });
    return await resultOf(client, instanceId);
  } finally {
    // What a crash leaves of a secret is swept by the watchdog.
    await secrets.delete(secretId);
    await client.purgeInstanceHistory(instanceId).catch(() => undefined);
  }
}

async function resultOf(client: ProbeClient, instanceId: string): Promise<ProbeOutput> {
  const deadline = Date.now() + LONGEST_WAIT_MS;
  while (Date.now() < deadline) {
    const status = await client.getStatus(instanceId).catch(unlessMissing);
    const { runtimeStatus, output } = status ?? {};
    if (runtimeStatus === OrchestrationRuntimeStatus.Completed) return output as ProbeOutput;
    if (
      runtimeStatus === OrchestrationRuntimeStatus.Failed ||
      runtimeStatus === OrchestrationRuntimeStatus.Terminated
    ) {
      throw new ApiError(
        500,
        'InternalServerError',
        'The look at the servers ended without a result; the log says why.',
      );
    }
    await pause(LOOK_EVERY_MS);
  }
  const seconds = LONGEST_WAIT_MS / 1000;
  throw new ApiError(504, 'GatewayTimeout', `The servers gave no answer within ${seconds} s.`);
}

/** An instance that was just started may not be there yet to be seen. */
function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && /HTTP 404 response/.test(error.message)) return undefined;
  throw error;
}
