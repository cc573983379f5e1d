/*
 * Base types of PostgreSQL whose binary form on the wire is the same in every version since 10 and
 * holds nothing that means something only on the server it comes from. Their oids are fixed.
 *
 * Left out, so that they travel as text:
 * - regclass, regproc …: an oid of the source's catalog; the text is a name.
 * - aclitem, pg_node_tree, cstring: no binary form.
 * - xml: its binary form carries an encoding declaration that text does not have.
 * - jsonpath, pg_snapshot, txid_snapshot, int2vector, oidvector …: too rare to be worth a proof.
 * - everything made by users or extensions: other oids, or another version's form. A domain is what
 *   it is over (its checks run in both forms); an array of a domain is not, it carries the domain's oid.
 *
 * money is here although its text is not safe: text depends on lc_monetary, binary is the stored
 * integer.
 */
const BASE_TYPES: Readonly<Record<string, readonly [oid: number, arrayOid: number]>> = {
  bool: [16, 1000],
  bytea: [17, 1001],
  '"char"': [18, 1002],
  name: [19, 1003],
  int8: [20, 1016],
  int2: [21, 1005],
  int4: [23, 1007],
  text: [25, 1009],
  oid: [26, 1028],
  tid: [27, 1010],
  json: [114, 199],
  point: [600, 1017],
  lseg: [601, 1018],
  path: [602, 1019],
  box: [603, 1020],
  polygon: [604, 1027],
  line: [628, 629],
  cidr: [650, 651],
  float4: [700, 1021],
  float8: [701, 1022],
  circle: [718, 719],
  macaddr8: [774, 775],
  money: [790, 791],
  macaddr: [829, 1040],
  inet: [869, 1041],
  bpchar: [1042, 1014],
  varchar: [1043, 1015],
  date: [1082, 1182],
  time: [1083, 1183],
  timestamp: [1114, 1115],
  timestamptz: [1184, 1185],
  interval: [1186, 1187],
  timetz: [1266, 1270],
  bit: [1560, 1561],
  varbit: [1562, 1563],
  numeric: [1700, 1231],
  uuid: [2950, 2951],
  pg_lsn: [3220, 3221],
  tsvector: [3614, 3643],
  tsquery: [3615, 3645],
  jsonb: [3802, 3807],
  int4range: [3904, 3905],
  numrange: [3906, 3907],
  tsrange: [3908, 3909],
  tstzrange: [3910, 3911],
  daterange: [3912, 3913],
  int8range: [3926, 3927],
  int4multirange: [4451, 6150],
  nummultirange: [4532, 6151],
  tsmultirange: [4533, 6152],
  tstzmultirange: [4534, 6153],
  datemultirange: [4535, 6155],
  int8multirange: [4536, 6157],
};

const BINARY_OIDS: ReadonlySet<number> = new Set(Object.values(BASE_TYPES).flat());

export function hasPortableBinaryForm(baseTypeOid: number): boolean {
  return BINARY_OIDS.has(baseTypeOid);
}

/** Names and oids, for the test that compares them with a server's catalog. */
export function portableBaseTypes(): [name: string, oid: number, arrayOid: number][] {
  return Object.entries(BASE_TYPES).map(([name, [oid, arrayOid]]) => [name, oid, arrayOid]);
}
