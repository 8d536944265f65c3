import path from 'node:path';
import { deployedModels, loadCatalogue } from '#assessment/catalogue';
import { installFolder } from '#config';
import { openModel } from '#inference/model';
import type { GoldenCase, ModelPackage } from '#inference/package-types';
import { createInterpreter, predict } from '#inference/predict';
import { greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { conformalSet } from '#statistics/conformal';
import { vennAbers } from '#statistics/venn-abers';
import { type Picture, writeDx } from './dicom-file.ts';
import { largePicture } from './picture.ts';

/** The first package that ships and speaks by default. */
export async function shippedModel(): Promise<ModelPackage> {
  const catalogue = await loadCatalogue([path.join(installFolder(), 'models')]);
  const [first] = deployedModels(catalogue, null);
  if (first === undefined) {
    const [refused] = catalogue.refused;
    throw new Error(
      refused === undefined ? 'no model package is there' : `${refused.name} was refused: ${refused.code}`,
    );
  }
  return first.package;
}

/**
 * The radiograph that is measured with: 2000 × 2500, 16 bits allocated, 14 stored, 10.0 MB. Made of the golden case
 * that is most like what the model was made for, so that its assessment speaks.
 */
export async function fullSize(
  pkg: ModelPackage,
): Promise<{ readonly picture: Picture; readonly file: Buffer }> {
  const picture = largePicture(await typicalCase(pkg), 2500, 2000, 14);
  return { picture, file: writeDx(picture) };
}

async function typicalCase(pkg: ModelPackage): Promise<GoldenCase> {
  const { input } = pkg.manifest;
  const model = await openModel(pkg, { providers: ['cpu'] });
  const interpret = createInterpreter(pkg, { vennAbers, conformalSet });
  const unlike = async (golden: GoldenCase): Promise<number> => {
    const prepared = prepareImage(greyImage8(golden.rows, golden.columns, golden.pixels), input);
    return interpret(await predict(model, toTensor(prepared, input)), prepared).outOfDistributionIndex;
  };
  let best: { readonly golden: GoldenCase; readonly index: number } | null = null;
  for (const golden of pkg.golden.cases) {
    const index = await unlike(golden);
    if (best === null || index < best.index) best = { golden, index };
  }
  await model.close();
  if (best === null) throw new Error('the package has no golden case');
  return best.golden;
}
