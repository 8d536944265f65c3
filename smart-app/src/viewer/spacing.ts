import type { AppPicture } from '#core/app';

/** From a micrometre to five centimetres a pixel, not longer than twenty times its width: else the file is wrong. */
export function isSpacing(spacing: readonly [number, number] | null): spacing is readonly [number, number] {
  if (spacing === null) return false;
  const [row, column] = spacing;
  const ratio = row / column;
  return [row, column].every((one) => one >= 0.001 && one <= 50) && ratio >= 1 / 20 && ratio <= 20;
}

/** Whether lengths can be told: in the patient, at the detector, or not at all. */
export function lengthsOf({ pixelSpacing, imagerPixelSpacing }: AppPicture): 'patient' | 'detector' | 'none' {
  if (pixelSpacing !== null) return isSpacing(pixelSpacing) ? 'patient' : 'none';
  return isSpacing(imagerPixelSpacing) ? 'detector' : 'none';
}
