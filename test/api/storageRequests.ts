import diagnosticsChannel from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** Requests to the storage that `work` makes, as `GET /account/Table(PartitionKey=…)` without a query. */
export async function storageRequests(work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const onRequest = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    seen.push(`${request.method} ${request.path.split('?')[0]}`);
  };
  diagnosticsChannel.subscribe('http.client.request.start', onRequest);
  try {
    await work();
  } finally {
    diagnosticsChannel.unsubscribe('http.client.request.start', onRequest);
  }
  return seen;
}
