#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Compiled code is kept between runs: half of a short command's time is reading its modules.
enableCompileCache();
const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram(process.argv);
