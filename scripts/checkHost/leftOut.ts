/**
 * End-to-end tests that need a stack of their own, whole or in part, and why; they are left out where a
 * running host is checked. A test compares the list with the files.
 */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'access.test.ts': 'starts services with logins of Entra and with keys',
  'armMetadata.test.ts': 'starts the service with an Azure Resource Manager of its own',
  'connectivity.test.ts': 'looks into the log of the host (the calls themselves are checked)',
  'events.test.ts':
    'has one test that looks into the storage and ends in a sink of its own; the others run',
  'faults.test.ts': 'kills the host, the replicator and the storage',
  'handOver.test.ts': 'runs several replicators and ends them',
  'online.test.ts': 'kills the replicator and the host in two of its tests; the others run',
  'passwords.test.ts': 'looks into logs and into the storage for passwords',
  'telemetry.test.ts':
    'starts a service that exports to a collector of its own, and looks into logs',
  'upgrade.test.ts': 'starts the host anew with other settings while a migration runs',
  'workerGroup.test.ts': 'starts a second deployment beside the first',
};
