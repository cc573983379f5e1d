/**
 * What a service of the local stack runs first: it reads its modules while Azurite still starts, and
 * goes on when the parent has told it where the storage is.
 *
 * `node warmService.js MAIN WARM [ARGUMENT]…`
 */
import { pathToFileURL } from 'node:url';
import { keepCompiledCode } from '../compileCache.ts';

keepCompiledCode();

const [main = '', warm = '', ...rest] = process.argv.slice(2);
const storage = new Promise<string>((resolve) => {
  process.once('message', (message) => resolve((message as { storage: string }).storage));
  // A parent that is gone will not tell any more.
  process.once('disconnect', () => process.exit(1));
});
await import(pathToFileURL(warm).href);
process.env['AzureWebJobsStorage'] = await storage;
process.removeAllListeners('disconnect');
process.argv.splice(1, process.argv.length - 1, main, ...rest);
await import(pathToFileURL(main).href);
