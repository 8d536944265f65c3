import { expect, it } from 'vitest';
import { type PictureOrientation, pictureOrientation } from '#dicom/orientation';

it.each<[string, readonly string[], PictureOrientation | null]>([
  ['a chest as radiologists look at it', ['L', 'F'], 'standard'],
  ['the same, slightly turned', ['LF', 'FR'], 'standard'],
  ['the same in lower case', ['l', 'f'], 'standard'],
  ['mirrored', ['R', 'F'], 'mirrored'],
  ['upside down', ['L', 'H'], 'other'],
  ['half a turn', ['R', 'H'], 'other'],
  ['a quarter turn', ['H', 'L'], 'other'],
  ['a lateral', ['A', 'F'], 'other'],
  ['a lateral from the other side', ['P', 'F'], 'other'],
  ['rows and columns along one axis', ['L', 'R'], 'other'],
  ['a direction that contradicts itself', ['LR', 'F'], 'other'],
  ['not stated', [], null],
  ['one direction only', ['L'], null],
  ['empty directions', ['', ''], null],
  ['letters of four-legged animals', ['LE', 'V'], null],
])('Patient Orientation: %s', (_name, values, orientation) => {
  expect(pictureOrientation(values)).toBe(orientation);
});
