import { describe, expect, it } from 'vitest';
import { imageHeaderOf } from '#assessment/assess-image';
import { applyHeaderGates } from '#assessment/header-gates';
import type { Selects } from '#core/model-package';
import { readHeader } from '#dicom/attributes';
import { parseDicom } from '#dicom/parse';
import { type Elements, imageModule, writeDicom } from '../support/dicom-writer.ts';

const selects: Selects = {
  modality: ['DX'],
  sopClass: ['1.2.840.10008.5.1.4.1.1.1.1'],
  bodyPart: ['CHEST', 'THORAX', 'LUNG'],
  view: ['AP', 'PA'],
  ageYears: [1, 6],
  minimumSize: [2, 2],
  photometric: ['MONOCHROME2'],
};
const code = (scheme: string, value: string): Elements => [
  [0x00080100, 'SH', value],
  [0x00080102, 'SH', scheme],
];
const headerOf = (elements: Elements) =>
  imageHeaderOf(
    readHeader(
      parseDicom(
        writeDicom(
          [
            [0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.1.1'] as Elements[number],
            [0x00080060, 'CS', 'DX'] as Elements[number],
            [0x00101010, 'AS', '003Y'] as Elements[number],
            ...elements,
            ...imageModule({ rows: 3, columns: 4 }),
          ].sort(([a], [b]) => a - b),
        ),
      ),
    ),
  );

describe('whichever attribute states it, an image that the model was not made for is refused', () => {
  it.each<[string, Elements, string | null]>([
    ['nothing of view, body part and species', [], null],
    ['a lateral by its view code', [[0x00540220, 'SQ', [code('SCT', '399067008')]]], 'GATE_VIEW'],
    ['a postero-anterior by its view code', [[0x00540220, 'SQ', [code('SCT', '272479007')]]], null],
    [
      'a view code that contradicts View Position',
      [
        [0x00185101, 'CS', 'PA'],
        [0x00540220, 'SQ', [code('SRT', 'R-10236')]],
      ],
      'GATE_VIEW',
    ],
    ['a lateral by its orientation', [[0x00200020, 'CS', 'P\\F']], 'GATE_VIEW'],
    ['a picture upside down', [[0x00200020, 'CS', 'L\\H']], 'GATE_VIEW'],
    ['a mirrored picture', [[0x00200020, 'CS', 'R\\F']], null],
    ['a hand by its anatomic region', [[0x00082218, 'SQ', [code('SCT', '85562004')]]], 'GATE_BODY_PART'],
    ['a chest by its anatomic region', [[0x00082218, 'SQ', [code('SRT', 'T-D3000')]]], null],
    ['a dog by name', [[0x00102201, 'LO', 'Canis lupus familiaris']], 'GATE_SPECIES'],
    ['a cat by code', [[0x00102202, 'SQ', [code('SCT', '448169003')]]], 'GATE_SPECIES'],
    ['a human being by name', [[0x00102201, 'LO', 'Homo sapiens']], null],
    ['a species that is not known', [[0x00102201, 'LO', 'UNKNOWN']], null],
  ])('%s', (_name, elements, refusal) => {
    expect(applyHeaderGates(headerOf(elements), selects, 'clinical').reason?.code ?? null).toBe(refusal);
  });
});
