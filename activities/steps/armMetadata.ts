import type { ArmReading } from '../../shared/checks/armServer.ts';
import type { ServerMetadata } from '../../shared/contracts/records.ts';
import type { ArmReadings } from './armServers.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/** Keeps what Azure says about both servers with the migration. */
export async function noteArmServers(
  env: ActivityEnvironment,
  { source, target }: ArmReadings,
): Promise<void> {
  if ('notChecked' in source && 'notChecked' in target) return;
  const allowedExtensions = 'server' in target ? target.server.allowedExtensions : undefined;
  await env.stores.migrations.update(env.record.ref, (row) => ({
    record: {
      ...row,
      sourceMetadata: merged(row.sourceMetadata, source),
      targetMetadata: merged(row.targetMetadata, target),
      ...(allowedExtensions === undefined ? {} : { allowedExtensions }),
    },
  }));
}

/** A version that the server itself told is the exact one. */
function merged(known: ServerMetadata | undefined, reading: ArmReading): ServerMetadata {
  if ('notChecked' in reading) return known ?? {};
  const { location, storageMb, sku } = reading.server;
  const version = known?.version ?? reading.server.version;
  return {
    ...known,
    ...(location === undefined ? {} : { location }),
    ...(version === undefined ? {} : { version }),
    ...(storageMb === undefined ? {} : { storageMb }),
    ...(sku === undefined ? {} : { sku }),
  };
}
