import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';
import type { RestoreOptions } from './preData.ts';

export interface PostDataOptions extends RestoreOptions {
  /** Sessions that create foreign keys at once. */
  jobs: number;
}

/** Restores what is left after the tables' indexes; `open` gives one more target session. */
export async function restorePostData(
  _open: () => Promise<PgSession>,
  _plan: Pick<SchemaPlan, 'preData' | 'postData' | 'foreignKeys' | 'database'>,
  _options: PostDataOptions,
): Promise<NotCarried[]> {
  throw new MigrationError('internal', 'Not built yet.');
}
