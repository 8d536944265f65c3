import { openModel } from '#inference/model';
import { createInterpreter, predict } from '#inference/predict';
import { greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { conformalSet } from '#statistics/conformal';
import { vennAbers } from '#statistics/venn-abers';
import type { Group } from './context.ts';
import { atMost, measuredRow } from './row.ts';
import { shippedModel } from './support/model.ts';
import { median, ratios } from './support/numbers.ts';

const goal = atMost('explanation', 2, '%');

/** The completeness check of the map and its words, as a share of the forward pass that made it. */
export const explanation: Group = {
  name: 'explanation',
  about: 'check and wording of the class-activation map, to the forward pass',
  goals: [goal],
  async run(context) {
    const pkg = await shippedModel();
    const model = await openModel(pkg, { providers: ['cpu'] });
    const interpret = createInterpreter(pkg, { vennAbers, conformalSet });
    const passes: number[] = [];
    const explanations: number[] = [];
    const n = context.count(30);
    for (let round = 0; round < n + 5; round++) {
      const golden = pkg.golden.cases[round % pkg.golden.cases.length];
      if (golden === undefined) throw new Error('the package has no golden case');
      const { input } = pkg.manifest;
      const prepared = prepareImage(greyImage8(golden.rows, golden.columns, golden.pixels), input);
      const outputs = await predict(model, toTensor(prepared, input));
      passes.push(outputs.ms);
      explanations.push(interpret(outputs, prepared).explainMs);
    }
    await model.close();
    const [settled, beside] = [explanations.slice(5), passes.slice(5)];
    const [explainMs, passMs] = [median(settled), median(beside)];
    return [
      measuredRow(goal, {
        value: (100 * explainMs) / passMs,
        n,
        each: ratios(settled, beside).map((ratio) => 100 * ratio),
        parts: { explainMs, passMs },
      }),
    ];
  },
};
