import type { Command } from 'commander';

export function registerMigration(_program: Command): void {}
