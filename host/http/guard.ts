/**
 * A page in the browser of the same machine can send requests to 127.0.0.1, by its own name (then
 * it has an Origin) or by a name that it has pointed here (then the Host is that name).
 */
import type { IncomingHttpHeaders } from 'node:http';

export function isForeign(headers: IncomingHttpHeaders, port: number): boolean {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(headers.host?.toLowerCase() ?? '')) return true;
  const { origin } = headers;
  return origin !== undefined && !hosts.some((host) => origin.toLowerCase() === `http://${host}`);
}
