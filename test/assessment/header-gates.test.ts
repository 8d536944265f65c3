import { describe, expect, it } from 'vitest';
import { applyHeaderGates, type ImageHeader } from '#assessment/header-gates';
import type { Selects } from '#core/model-package';

const selects: Selects = {
  modality: ['CR', 'DX'],
  sopClass: ['1.2.840.10008.5.1.4.1.1.1.1'],
  bodyPart: ['CHEST'],
  view: ['AP', 'PA'],
  ageYears: [1, 6],
  minimumSize: [224, 224],
  photometric: ['MONOCHROME1', 'MONOCHROME2'],
};
const header: ImageHeader = {
  modality: 'DX',
  sopClassUid: '1.2.840.10008.5.1.4.1.1.1.1',
  human: null,
  bodyParts: ['CHEST'],
  views: ['AP'],
  orientation: null,
  ageYears: 3,
  rows: 2000,
  columns: 1600,
  photometric: 'MONOCHROME2',
  burnedIn: false,
};
const reasonOf = (change: Partial<ImageHeader>, strictness: 'clinical' | 'labelled' = 'clinical') =>
  applyHeaderGates({ ...header, ...change }, selects, strictness).reason?.code ?? null;

describe('header gates', () => {
  it('pass an image that is what the model was made for', () => {
    const { reason, gates } = applyHeaderGates(header, selects, 'clinical');
    expect(reason).toBeNull();
    expect(gates.map(({ gate, passed }) => [gate, passed])).toEqual([
      ['modality', true],
      ['species', true],
      ['body-part', true],
      ['view', true],
      ['age', true],
      ['photometric', true],
      ['size', true],
      ['burned-in', true],
    ]);
  });

  it.each<[string, Partial<ImageHeader>, string | null]>([
    ['another modality', { modality: 'CT' }, 'GATE_MODALITY'],
    ['another SOP class', { sopClassUid: '1.2.840.10008.5.1.4.1.1.7' }, 'GATE_MODALITY'],
    ['a SOP class alone that is listed', { modality: null }, null],
    ['neither modality nor SOP class', { modality: null, sopClassUid: null }, 'GATE_MODALITY'],
    ['another body part', { bodyParts: ['HAND'] }, 'GATE_BODY_PART'],
    ['a body part in lower case', { bodyParts: ['chest'] }, null],
    ['no body part: the pixels judge', { bodyParts: [] }, null],
    ['a body part that another attribute contradicts', { bodyParts: ['CHEST', 'OTHER'] }, 'GATE_BODY_PART'],
    ['a lateral', { views: ['LL'] }, 'GATE_VIEW'],
    ['a view that another attribute contradicts', { views: ['PA', 'LATERAL'] }, 'GATE_VIEW'],
    ['a frontal view that does not say from which side', { views: ['FRONTAL'] }, null],
    ['no view', { views: [] }, null],
    ['a picture that is mirrored', { orientation: 'mirrored' }, null],
    ['a picture that lies otherwise than upright and frontal', { orientation: 'other' }, 'GATE_VIEW'],
    ['a human being', { human: true }, null],
    ['an animal', { human: false }, 'GATE_SPECIES'],
    ['one day too young', { ageYears: 0.997 }, 'GATE_AGE'],
    ['exactly the lower age', { ageYears: 1 }, null],
    ['just under the upper age', { ageYears: 5.999 }, null],
    ['exactly the upper age', { ageYears: 6 }, 'GATE_AGE'],
    ['an age of 155', { ageYears: 155 }, 'GATE_AGE'],
    ['no age', { ageYears: null }, 'GATE_AGE'],
    ['colour', { photometric: 'RGB' }, 'GATE_PHOTOMETRIC'],
    ['no photometric interpretation', { photometric: null }, 'GATE_PHOTOMETRIC'],
    ['one row too few', { rows: 223 }, 'GATE_SIZE'],
    ['exactly the smallest size', { rows: 224, columns: 224 }, null],
    ['burned-in annotations', { burnedIn: true }, 'GATE_BURNED_IN'],
  ])('%s', (_name, change, code) => {
    expect(reasonOf(change)).toBe(code);
  });

  it('the first gate that refuses gives the reason, all are reported', () => {
    const { reason, gates } = applyHeaderGates(
      { ...header, views: ['LL'], ageYears: 40 },
      selects,
      'clinical',
    );
    expect(reason?.code).toBe('GATE_VIEW');
    expect(gates.filter(({ passed }) => passed === false).map(({ gate }) => gate)).toEqual(['view', 'age']);
  });

  it('of labelled images a gate with nothing to judge by is skipped, and says so', () => {
    expect(
      reasonOf({ ageYears: null, modality: null, sopClassUid: null, photometric: null }, 'labelled'),
    ).toBeNull();
    const { gates } = applyHeaderGates({ ...header, ageYears: null }, selects, 'labelled');
    expect(gates.find(({ gate }) => gate === 'age')?.passed).toBeNull();
  });

  it('a frontal view alone is not enough for a model that reads one of the two', () => {
    const one = { ...selects, view: ['PA'] };
    expect(applyHeaderGates({ ...header, views: ['FRONTAL'] }, one, 'clinical').reason?.code).toBe(
      'GATE_VIEW',
    );
  });

  it('nobody is told of a check that was not made', () => {
    const { gates } = applyHeaderGates({ ...header, views: [] }, selects, 'clinical');
    expect(gates.find(({ gate }) => gate === 'view')?.detail).toBe('Not stated and not checked.');
  });

  it('an odd header value never reaches the sentence', () => {
    const { gates } = applyHeaderGates(
      { ...header, bodyParts: ['<b>1234567 Smith^John</b>'] },
      selects,
      'clinical',
    );
    expect(JSON.stringify(gates)).not.toContain('SMITH');
  });
});
