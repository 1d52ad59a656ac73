/**
 * Long matrices end to end: `npm test` runs the rows that found most, `npm run test:long` all of them.
 * It never hides a row: what a test file runs is what it names here. Invariant: the few are rows of the matrix, in its order.
 */
const HAS_ALL = process.env['TEST_MATRIX'] === 'all';

/** The rows with these names; with `TEST_MATRIX=all` every row. Throws RangeError for a name that no row has. */
export function rowsOf<Row>(rows: readonly Row[], nameOf: (row: Row) => string, few: readonly string[]): Row[] {
  const names = rows.map(nameOf);
  const unknown = few.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new RangeError(`no such rows: ${unknown.join(', ')}`);
  return rows.filter((row) => HAS_ALL || few.includes(nameOf(row)));
}
