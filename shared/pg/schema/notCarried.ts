import type { MigrationErrorKind } from '../../errors/migrationError.ts';

/**
 * Something of the source that is not on the target as it was, and why. Such things are part of the
 * result of a migration, not failures.
 */
export interface NotCarried {
  subject:
    | 'ownership'
    | 'privilege'
    | 'defaultPrivilege'
    | 'comment'
    | 'securityLabel'
    | 'foreignKey'
    | 'policy'
    | 'publication'
    | 'subscription'
    | 'eventTrigger'
    | 'userMapping'
    | 'unloggedTable'
    | 'setting'
    | 'databaseProperty'
    | 'materializedView'
    | 'searchPath'
    | 'analyze'
    | 'excludedDependent'
    | 'role'
    | 'roleMembership';
  /** Why, as a sentence that also says what the operator can do. Equal reasons are one item. */
  reason: string;
  /** How many objects; `objects` names the first ones. */
  count: number;
  objects: string[];
}

const NAMED_AT_MOST = 10;

/** Collects what was not carried, one item per subject and reason. */
export interface NotCarriedList {
  add(subject: NotCarried['subject'], object: string, reason: string): void;
  items(): NotCarried[];
}

export function notCarriedList(): NotCarriedList {
  const byKey = new Map<string, NotCarried>();
  return {
    add(subject, object, reason) {
      const key = `${subject}\n${reason}`;
      const item = byKey.get(key) ?? { subject, reason, count: 0, objects: [] };
      item.count += 1;
      if (item.objects.length < NAMED_AT_MOST) item.objects.push(object);
      byKey.set(key, item);
    },
    items: () => [...byKey.values()],
  };
}

/** One object that could not be created, with PostgreSQL's message. */
export interface SchemaFailure {
  object: string;
  message: string;
  code: string | undefined;
  kind: MigrationErrorKind;
}
