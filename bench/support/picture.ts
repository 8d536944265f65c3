import type { GoldenCase } from '#inference/package-types';
import type { Picture } from './dicom-file.ts';

/**
 * A radiograph of full size from a small generated one of a model package: enlarged (bilinear) and given the noise of
 * a detector, without which every codec would be flattered. The same for the same case.
 */
export function largePicture(small: GoldenCase, rows: number, columns: number, bitsStored: number): Picture {
  const values = new Uint16Array(rows * columns);
  const most = 2 ** bitsStored - 1;
  const noise = createNoise();
  const at = (row: number, column: number) => small.pixels[row * small.columns + column] ?? 0;
  for (let row = 0; row < rows; row++) {
    const y = Math.max(0, ((row + 0.5) * small.rows) / rows - 0.5);
    const top = Math.min(small.rows - 2, Math.floor(y));
    const down = Math.min(1, y - top);
    for (let column = 0; column < columns; column++) {
      const x = Math.max(0, ((column + 0.5) * small.columns) / columns - 0.5);
      const left = Math.min(small.columns - 2, Math.floor(x));
      const across = Math.min(1, x - left);
      const upper = at(top, left) * (1 - across) + at(top, left + 1) * across;
      const lower = at(top + 1, left) * (1 - across) + at(top + 1, left + 1) * across;
      const grey = (upper * (1 - down) + lower * down) / 255;
      values[row * columns + column] = Math.min(most, Math.max(0, Math.round(most * (grey + noise()))));
    }
  }
  return { rows, columns, bitsStored, values };
}

/** About normal, standard deviation 0.4 % of full scale. */
function createNoise(): () => number {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return () => 0.004 * Math.sqrt(3) * (random() + random() + random() + random() - 2);
}
