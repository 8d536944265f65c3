import { describe, expect, test } from 'vitest';
import { sameIdentity } from '#dicom/identity';

const image = { patientId: '00042', otherPatientIds: [], birthDate: '2023-01-31', sex: 'F' } as const;
const chart = { fhirId: 'p', identifiers: ['42', 'X9'], birthDate: '2023-01-31', sex: 'female' } as const;

describe('an image belongs to the patient of the chart', () => {
  test('when id, birth date and sex agree; spaces and leading zeros of an id do not count', () => {
    expect(sameIdentity(image, chart).same).toBe(true);
    expect(sameIdentity({ ...image, patientId: ' 42 ' }, chart).same).toBe(true);
    expect(sameIdentity({ ...image, patientId: 'other', otherPatientIds: ['X9'] }, chart).same).toBe(true);
  });

  test('when the id agrees and the rest is missing', () => {
    const bare = { patientId: 'X9', otherPatientIds: [], birthDate: null, sex: null };
    expect(sameIdentity(bare, chart).same).toBe(true);
    expect(sameIdentity(image, { ...chart, birthDate: null, sex: null }).same).toBe(true);
  });

  test('when there is no id to compare and both birth date and sex agree', () => {
    expect(sameIdentity({ ...image, patientId: null }, chart).same).toBe(true);
    expect(sameIdentity({ ...image, patientId: null, sex: null }, chart).same).toBe(false);
    expect(sameIdentity({ ...image, patientId: null }, { ...chart, birthDate: '2023' }).same).toBe(false);
  });

  test('a shorter FHIR birth date is compared as far as it goes', () => {
    expect(sameIdentity(image, { ...chart, birthDate: '2023-01' }).same).toBe(true);
    expect(sameIdentity(image, { ...chart, birthDate: '2022' }).same).toBe(false);
  });
});

describe('an image does not belong to the patient of the chart', () => {
  test.each([
    ['another id', { ...image, patientId: '43' }, chart, /patient id/],
    ['letters of another case', { ...image, patientId: 'x9' }, chart, /patient id/],
    ['another birth date', { ...image, birthDate: '2023-02-01' }, chart, /birth date/],
    ['another sex', { ...image, sex: 'M' as const }, chart, /sex/],
    [
      'nothing to compare',
      { patientId: null, otherPatientIds: [], birthDate: null, sex: null },
      chart,
      /Too little/,
    ],
  ])('%s', (_, header, patient, detail) => {
    const verdict = sameIdentity(header, patient);
    expect(verdict.same).toBe(false);
    expect(verdict.detail).toMatch(detail);
    expect(verdict.detail).not.toMatch(/42|43|x9|2023/i);
  });

  test('other and unknown sex are held against nobody', () => {
    expect(sameIdentity({ ...image, sex: 'O' }, chart).same).toBe(true);
    expect(sameIdentity(image, { ...chart, sex: 'unknown' }).same).toBe(true);
  });
});
