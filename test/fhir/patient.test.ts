import { describe, expect, it } from 'vitest';
import { readPatient } from '#fhir/patient';

describe('the patient of the chart', () => {
  it('identifiers, birth date and sex', () => {
    const resource = {
      resourceType: 'Patient',
      id: 'p1',
      identifier: [
        { use: 'usual', system: 'urn:mrn', value: '00123' },
        { use: 'old', value: '77' },
        { use: 'temp', value: 'T1' },
        { system: 'urn:mrn' },
        { value: '00123' },
        { value: '' },
      ],
      birthDate: '2021-03-04',
      gender: 'female',
    };
    expect(readPatient(resource)).toEqual({
      fhirId: 'p1',
      identifiers: ['00123', '77'],
      birthDate: '2021-03-04',
      sex: 'female',
    });
  });

  it.each([
    ['2021', '2021'],
    ['2021-03', '2021-03'],
    ['2021-13', null],
    ['04.03.2021', null],
    [2021, null],
    [undefined, null],
  ])('birth date %j is %j', (birthDate, expected) => {
    expect(readPatient({ resourceType: 'Patient', id: 'p1', birthDate })?.birthDate).toBe(expected);
  });

  it('what is not said or not known stays open', () => {
    const nothing = { fhirId: 'p1', identifiers: [], birthDate: null, sex: null };
    expect(readPatient({ resourceType: 'Patient', id: 'p1' })).toEqual(nothing);
    expect(readPatient({ resourceType: 'Patient', id: 'p1', gender: 'M', identifier: 'x' })).toEqual(nothing);
  });

  it.each([
    null,
    [],
    'Patient',
    { resourceType: 'Person', id: '1' },
    { resourceType: 'Patient' },
    { resourceType: 'Patient', id: 1 },
  ])('%j is no patient', (resource) => {
    expect(readPatient(resource)).toBeNull();
  });

  it('identifiers without number or end are cut: each study is held against all of them', () => {
    const identifier = [
      { value: 'x'.repeat(257) },
      ...Array.from({ length: 1_000 }, (_, index) => ({ value: `MRN-${index}` })),
    ];
    const { identifiers } = readPatient({ resourceType: 'Patient', id: 'p1', identifier }) as {
      identifiers: readonly string[];
    };
    expect(identifiers).toHaveLength(64);
    expect(identifiers[0]).toBe('MRN-0');
  });
});
