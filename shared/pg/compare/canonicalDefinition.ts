/**
 * Two texts of one definition, as a server prints it, are not always the same. A dump and restore
 * turns `x in ('a', 'b')` on a varchar from `(ARRAY['a'::character varying, …])::text[]` into
 * `ARRAY[('a'::character varying)::text, …]`; 16 and later print columns of a single table without
 * its name. Definitions are first compared as they are, and only then in this form.
 */
export function canonicalDefinition(text: string, crossesMajor: boolean): string {
  // Literals, quoted names and all else are told apart, so that nothing inside of the first two
  // changes.
  const pieces = text.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[^'"]+/g) ?? [];
  const held: string[] = [];
  let form = pieces
    .map((piece) => {
      if (!/^['"]/.test(piece)) return piece.replace(/\s+/g, ' ');
      held.push(piece);
      return piece.startsWith('"')
        ? `\ue001${held.length - 1}\ue002`
        : `\ue003${held.length - 1}\ue004`;
    })
    .join('');
  form = form.replace(/::(?:character varying|text|bpchar|character)(?:\(\d+\))?(?:\[\])*/g, '');
  for (let before = ''; before !== form;) {
    before = form;
    form = form.replace(/\((\ue003\d+\ue004)\)/g, '$1').replace(/\((ARRAY\[[^[\]]*\])\)/g, '$1');
  }
  if (crossesMajor) {
    form = form.replace(/EXECUTE PROCEDURE/g, 'EXECUTE FUNCTION');
    const name = '(?:\\ue001\\d+\\ue002|[A-Za-z_][\\w$]*)';
    form = form.replace(new RegExp(`${name}\\.(?=${name}|\\*)`, 'g'), '').replace(/[()\s]/g, '');
  }
  return form.replace(
    /[\ue001\ue003](\d+)[\ue002\ue004]/g,
    (_all, index: string) => held[Number(index)] ?? '',
  );
}
