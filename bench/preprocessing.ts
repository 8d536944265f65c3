import { decodeFrames } from '#dicom/decode';
import { greyTransform } from '#dicom/grey';
import { parseDicom } from '#dicom/parse';
import { prepareImage, toTensor } from '#inference/preprocess';
import type { Group } from './context.ts';
import { atMost, measuredRow } from './row.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { median, timed } from './support/numbers.ts';

const goal = atMost('preprocessing', 12, 'ms');

/** From stored values to the input tensor. */
export const preprocessing: Group = {
  name: 'preprocessing',
  about: 'stored values of 2000 × 2500, 16 bits, to the input tensor: grey table, area resize, stretch',
  goals: [goal],
  async run(context) {
    const pkg = await shippedModel();
    const { input } = pkg.manifest;
    const dicom = parseDicom(new Uint8Array((await fullSize(pkg)).file));
    const decoded = decodeFrames(dicom, { frames: [0] });
    const once = () => {
      const { rows, columns, data } = decoded;
      return toTensor(prepareImage({ rows, columns, data, ...greyTransform(dicom, decoded) }, input), input);
    };
    const times: number[] = [];
    const n = context.count(60);
    for (let round = 0; round < n + 10; round++) times.push(await timed(once));
    return [measuredRow(goal, { value: median(times.slice(10)), n })];
  },
};
