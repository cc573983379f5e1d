import { notOfExtension, superuserOnly } from './superuserOnly.ts';

export const eventTriggers = superuserOnly({
  id: 'event-triggers',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt: 'Event triggers, which only a superuser may create.',
  remedy:
    'Have a superuser create them on the target after the migration, or drop them on the source.',
  sql: () => `
    select pg_catalog.quote_ident(e.evtname) as name,
      pg_catalog.format('drop event trigger %I', e.evtname) as statement
    from pg_catalog.pg_event_trigger e where ${notOfExtension('pg_event_trigger', 'e.oid')}
    order by 1`,
  message: (names) =>
    `These event triggers are not carried, because only a superuser may create them: ${names}. Have ` +
    'one do so on the target after the migration, or do without them.',
});
