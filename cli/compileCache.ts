import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { appRoot } from './appRoot.ts';

/**
 * Compiled code is kept between runs: half of a short command's time is reading its modules. It lies
 * in the build, goes with it, and nobody else can write there; where that is not writable, nothing
 * is kept. NODE_COMPILE_CACHE names another folder.
 */
export function keepCompiledCode(): void {
  enableCompileCache(path.join(appRoot(), 'dist', '.compile-cache'));
}
