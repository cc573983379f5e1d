import * as df from 'durable-functions';
import { serverEndpoint } from '../shared/api/endpoints.ts';
import type { Side } from '../shared/api/endpoints.ts';
import type { Settings } from '../shared/config/settings.ts';
import type {
  ProbedDatabase,
  ProbeInput,
  ProbeOutput,
  ServerProbe,
} from '../shared/contracts/probe.ts';
import type { ServerSpec } from '../shared/contracts/records.ts';
import type { SecretBundle } from '../shared/secrets/secretStore.ts';
import { runtime } from '../shared/state/runtime.ts';
import { openMaintenance } from './steps/maintenanceSession.ts';
import { listDatabases, probeServer, unreachable } from './steps/probeServer.ts';

interface Looked {
  probe: ServerProbe;
  databases?: ProbedDatabase[];
}

/** Looks at servers of no migration. Reads only; what fails is part of the answer. */
df.app.activity('probeServers', {
  handler: async (input: unknown): Promise<ProbeOutput> => {
    const { secretId, source, target, withDatabases } = input as ProbeInput;
    const { secrets, settings } = await runtime();
    const bundle = (await secrets.get(secretId)) ?? {};
    const [onSource, onTarget] = await Promise.all([
      source === undefined ? undefined : look('source', source, bundle, settings, withDatabases),
      target === undefined ? undefined : look('target', target, bundle, settings, false),
    ]);
    return {
      ...(onSource === undefined ? {} : { source: onSource.probe }),
      ...(onTarget === undefined ? {} : { target: onTarget.probe }),
      ...(onSource?.databases === undefined ? {} : { databases: onSource.databases }),
    };
  },
});

async function look(
  side: Side,
  server: ServerSpec,
  bundle: SecretBundle,
  { allowedHosts }: Settings,
  withDatabases: boolean,
): Promise<Looked> {
  try {
    await using session = await openMaintenance(
      serverEndpoint(server, side, 'postgres', bundle, allowedHosts),
      'pgmove/probe',
    );
    const probe = await probeServer(session);
    return withDatabases ? { probe, databases: await listDatabases(session) } : { probe };
  } catch (error) {
    return { probe: unreachable(error) };
  }
}
