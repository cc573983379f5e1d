import { countOf, formatCount } from '../formats/quantities.ts';
import { Icon } from './icon.tsx';

interface PagerProps {
  what: string;
  /** From 0. */
  page: number;
  pageSize: number;
  /** How many there are; undefined where nobody counted. */
  total?: number;
  /** Rows on this page. */
  shown: number;
  hasNext: boolean;
  onPage: (page: number) => void;
}

/** Page after page; absent when everything stands on one. */
export function Pager({ what, page, pageSize, total, shown, hasNext, onPage }: PagerProps) {
  if (page === 0 && !hasNext) {
    return <p class="pager-count">{countOf(shown, what)}</p>;
  }
  const first = page * pageSize + 1;
  const range = `${formatCount(first)}–${formatCount(first + Math.max(0, shown - 1))}`;
  const text = total === undefined ? range : `${range} of ${countOf(total, what)}`;
  return (
    <nav class="pager" aria-label={`Pages of ${what}s`}>
      <p class="pager-count" aria-live="polite">
        {text}
      </p>
      <button type="button" class="button" disabled={page === 0} onClick={() => onPage(page - 1)}>
        <Icon name="back" /> Previous
      </button>
      <button type="button" class="button" disabled={!hasNext} onClick={() => onPage(page + 1)}>
        Next <Icon name="next" />
      </button>
    </nav>
  );
}
