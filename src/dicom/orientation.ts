/**
 * How a frontal picture lies. `standard`: upright, its left is the patient's right. `mirrored`: upright, its left is
 * the patient's left. `other`: turned, upside down, not frontal, or a direction that contradicts itself.
 */
export type PictureOrientation = 'standard' | 'mirrored' | 'other';

const axes = { L: 'x', R: 'x', A: 'y', P: 'y', H: 'z', F: 'z' } as const;
type Direction = keyof typeof axes;

/**
 * Reads Patient Orientation (0020,0020): the directions of the rows and of the columns, each with the main direction
 * first.
 * @param values as in the header, for instance `['L', 'F']`
 * @returns null when nothing is said, or nothing in the form that the standard has for people
 * @see DICOM PS3.3 C.7.6.1.1.1
 */
export function pictureOrientation(values: readonly string[]): PictureOrientation | null {
  const [row, column, ...more] = values.map((value) => value.toUpperCase());
  if (row === undefined || column === undefined || more.length > 0) return null;
  if (![row, column].every((value) => /^[LRAPHF]{1,3}$/.test(value))) return null;
  if (contradicts(row) || contradicts(column)) return 'other';
  if (column[0] !== 'F') return 'other';
  return row[0] === 'L' ? 'standard' : row[0] === 'R' ? 'mirrored' : 'other';
}

/** A direction names each axis once at most. */
function contradicts(direction: string): boolean {
  const named = [...direction].map((letter) => axes[letter as Direction]);
  return new Set(named).size < named.length;
}
