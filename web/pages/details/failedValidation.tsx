import type { ComponentChildren } from 'preact';
import type { MigrationKey } from '../../api/migrationId.ts';
import { readValidation } from '../../api/migrations.ts';
import { Notice } from '../../components/notice.tsx';
import { countOf } from '../../formats/quantities.ts';
import { usePoll } from '../../polling.ts';
import { detailsHref } from '../../routing.ts';
import { FindingList } from './findingList.tsx';

const MOST_SHOWN = 5;

/** What the validation refuses, with what helps. */
export function FailedValidation(props: { migration: MigrationKey; action: ComponentChildren }) {
  const { migration, action } = props;
  const { data } = usePoll(
    `validation ${JSON.stringify(migration)}`,
    (signal) => readValidation(migration, signal),
    undefined,
  );
  const failed = (data?.findings ?? []).filter(({ state }) => state === 'Failed');
  return (
    <Notice tone="bad" title="The validation failed: nothing was migrated" actions={action}>
      <p>Do what the findings say, then resume: everything is validated again.</p>
      <FindingList findings={failed.slice(0, MOST_SHOWN)} />
      <p>
        <a href={detailsHref(migration, 'validation')}>
          {failed.length > MOST_SHOWN
            ? `All ${countOf(failed.length, 'finding')} of the validation`
            : 'The whole validation'}
        </a>
      </p>
    </Notice>
  );
}
