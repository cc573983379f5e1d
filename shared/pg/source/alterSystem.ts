import pg from 'pg';

export interface WantedSetting {
  name: string;
  /** A list for a setting that is one. */
  wanted: string | readonly string[];
}

/** Each element of a list by itself: the whole list in one pair of quotes would be one element. */
export function alterSystemSql({ name, wanted }: WantedSetting): string {
  const values = typeof wanted === 'string' ? [wanted] : wanted;
  const listed = values.map((value) =>
    /^[a-z_][a-z0-9_]*$|^\d+$/.test(value) ? value : pg.escapeLiteral(value),
  );
  return `alter system set ${name} = ${listed.join(', ')}`;
}
