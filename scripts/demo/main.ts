/** `npm run demo`: two servers, a sample database, its migration, and the comparison of both. */
import { runDemo } from './demo.ts';

process.exitCode = await runDemo({
  isKept: process.argv.includes('--keep'),
  scale: Number(process.env['PGMOVE_DEMO_SCALE'] ?? 1),
});
