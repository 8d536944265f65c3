import { decodeFrames } from '#dicom/decode';
import { greyTransform } from '#dicom/grey';
import { parseDicom } from '#dicom/parse';
import { prepareImage, toTensor } from '#inference/preprocess';
import type { Group } from './context.ts';
import { atMost, measuredRow, skippedRow } from './row.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { interleaved, median, ratios, timed } from './support/numbers.ts';
import { startAreaResize } from './support/opencv.ts';

const name = 'preprocessing';
const absolute = atMost(`${name}.time`, 12, 'ms');
const toOpencv = atMost(`${name}.to-opencv`, 1.2, '×');
const warmUp = 10;

/** From stored values to the input tensor. */
export const preprocessing: Group = {
  name,
  about:
    'stored values of 2000 × 2500, 16 bits, to the input tensor (grey table, area resize, stretch), and to OpenCV’s area resize of the same array in one thread; one of the two goals is enough',
  goals: [absolute, toOpencv],
  async run(context) {
    const pkg = await shippedModel();
    const { input } = pkg.manifest;
    const { picture, file } = await fullSize(pkg);
    const dicom = parseDicom(new Uint8Array(file));
    const decoded = decodeFrames(dicom, { frames: [0] });
    const fovea = () =>
      timed(() => {
        const { rows, columns, data } = decoded;
        return toTensor(
          prepareImage({ rows, columns, data, ...greyTransform(dicom, decoded) }, input),
          input,
        );
      });
    const [, , rows, columns] = input.shape;
    const opencv = await startAreaResize(context.folder, picture, { rows, columns });
    const n = context.count(60);
    try {
      const ways: Record<string, () => Promise<number>> =
        typeof opencv === 'string' ? { fovea } : { fovea, opencv: () => opencv.once() };
      const times = await interleaved(ways, n + warmUp);
      const settled = (way: string) => (times[way] ?? []).slice(warmUp);
      const own = settled('fovea');
      const foveaMs = median(own);
      const row = measuredRow(absolute, { value: foveaMs, n, each: own });
      if (typeof opencv === 'string') return [row, skippedRow(toOpencv, opencv)];
      const beside = settled('opencv');
      const opencvMs = median(beside);
      return [
        row,
        measuredRow(toOpencv, {
          value: foveaMs / opencvMs,
          n,
          each: ratios(own, beside),
          parts: { foveaMs, opencvMs },
        }),
      ];
    } finally {
      if (typeof opencv !== 'string') await opencv.stop();
    }
  },
};
