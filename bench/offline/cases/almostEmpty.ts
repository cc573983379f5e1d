import type { BenchCase } from '../benchCase.ts';
import { loadStatements } from '../load.ts';

/** What the machinery itself costs: stack, orchestration, schema, end. */
export const almostEmpty: BenchCase = {
  key: 'd',
  title: () => 'an almost empty database, stack included',
  usesStack: false,
  hasBaselines: false,
  goals: [{ kind: 'seconds', limit: 6, goal: 4 }],
  load: async (site) => {
    await loadStatements(site, [
      `create table note (id integer generated always as identity primary key, body text not null);
       create view long_note as select * from note where length(body) > 80;
       insert into note (body) values ('one'), ('two'), ('three');`,
    ]);
  },
  baselines: () => [],
};
