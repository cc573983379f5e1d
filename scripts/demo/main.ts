/**
 * `npm run demo`: two servers, a sample database, its migration (`-- --online`: under load),
 * and the comparison of both.
 */
import { runDemo } from './demo.ts';

process.exitCode = await runDemo({
  isOnline: process.argv.includes('--online'),
  isKept: process.argv.includes('--keep'),
  scale: Number(process.env['PGMOVE_DEMO_SCALE'] ?? 1),
});
