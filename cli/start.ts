import { keepCompiledCode } from './compileCache.ts';

/** Runs the command line of this process. */
export async function start(): Promise<void> {
  keepCompiledCode();
  const { runProgram } = await import('./program.ts');
  process.exitCode = await runProgram(process.argv);
}
