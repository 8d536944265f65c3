import { describe, expect, test } from 'vitest';
import { readHeader, yearsBetween } from '#dicom/attributes';
import { textReader } from '#dicom/character-set';
import { parseDicom } from '#dicom/parse';
import { type Elements, imageModule, writeDicom } from '../support/dicom-writer.ts';

const header = (elements: Elements) => readHeader(parseDicom(writeDicom(elements)));

describe('header fields', () => {
  test('are read by type', () => {
    const read = header([
      [0x00080005, 'CS', 'ISO_IR 192'],
      [0x00080008, 'CS', 'ORIGINAL\\PRIMARY'],
      [0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.1.1'],
      [0x00080018, 'UI', '2.25.7'],
      [0x00080020, 'DA', '20261124'],
      [0x00080060, 'CS', 'dx'],
      [0x00080068, 'CS', 'FOR PRESENTATION'],
      [0x00081030, 'LO', Buffer.from('Thorax, Übersicht', 'utf8')],
      [
        0x00082218,
        'SQ',
        [
          [
            [0x00080100, 'SH', 'T-D3000'],
            [0x00080102, 'SH', 'SRT'],
            [0x00080104, 'LO', 'Chest'],
          ],
        ],
      ],
      [0x00100020, 'LO', ' 00042 '],
      [0x00100030, 'DA', '20231124'],
      [0x00100040, 'CS', 'F'],
      [0x00101000, 'LO', 'A1\\B2'],
      [0x00101010, 'AS', '036M'],
      [0x00180015, 'CS', 'CHEST'],
      [0x00181164, 'DS', '0.15\\0.15'],
      [0x00185101, 'CS', 'PA'],
      [0x0020000d, 'UI', '2.25.8'],
      [0x00200020, 'CS', 'L\\F'],
      ...imageModule({ rows: 3, columns: 4, bitsStored: 12 }),
      [0x00280301, 'CS', 'NO'],
    ]);
    expect(read).toMatchObject({
      patientId: '00042',
      otherPatientIds: ['A1', 'B2'],
      birthDate: '2023-11-24',
      sex: 'F',
      statedAgeYears: 3,
      ageYears: 3,
      studyDate: '2026-11-24',
      studyDescription: 'Thorax, Übersicht',
      modality: 'DX',
      anatomicRegions: [{ scheme: 'SRT', value: 'T-D3000' }],
      bodyPart: 'CHEST',
      viewPosition: 'PA',
      patientOrientation: ['L', 'F'],
      imageType: ['ORIGINAL', 'PRIMARY'],
      photometric: 'MONOCHROME2',
      presentationIntent: 'FOR PRESENTATION',
      burnedIn: false,
      rows: 3,
      columns: 4,
      bitsStored: 12,
      pixelSpacing: [0.15, 0.15],
      studyInstanceUid: '2.25.8',
      sopInstanceUid: '2.25.7',
      seriesInstanceUid: null,
    });
  });

  test('a code that is longer than 16 characters is read, one without a value is not there', () => {
    const code = (...elements: Elements) => elements;
    expect(
      header([
        [
          0x00540220,
          'SQ',
          [
            code([0x00080102, 'SH', 'SCT'], [0x00080119, 'UC', '12345678901234567']),
            code([0x00080104, 'LO', 'lateral']),
          ],
        ],
      ]).viewCodes,
    ).toEqual([{ scheme: 'SCT', value: '12345678901234567' }]);
  });

  test('odd values are null and never an error', () => {
    const read = header([
      [0x00080020, 'DA', '20261399'],
      [0x00100030, 'DA', 'unknown'],
      [0x00100040, 'CS', 'X'],
      [0x00101010, 'AS', '12'],
      [0x00181164, 'DS', 'wide'],
      [0x00280008, 'IS', '1A'],
      [0x00280010, 'US', Uint8Array.of(3)],
      [0x00280301, 'CS', 'MAYBE'],
    ]);
    expect(read).toMatchObject({
      studyDate: null,
      birthDate: null,
      sex: null,
      statedAgeYears: null,
      ageYears: null,
      pixelSpacing: null,
      frames: null,
      burnedIn: null,
    });
  });

  test('the age is that of the two dates, else as stated', () => {
    expect(
      header([
        [0x00080020, 'DA', '20260101'],
        [0x00101010, 'AS', '018M'],
      ]).ageYears,
    ).toBe(1.5);
    expect(yearsBetween('2020-06-15', '2026-06-15')).toBe(6);
    expect(yearsBetween('2020-06-15', '2026-06-14')).toBeCloseTo(5.997, 2);
    expect(yearsBetween('2020-02-29', '2021-02-28')).toBeLessThan(1);
    expect(yearsBetween('2026-06-15', '2020-06-15')).toBeNull();
  });
});

describe('character sets', () => {
  const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  test.each([
    ['none', [], '41 e9', 'Aé'],
    ['Latin-1', ['ISO_IR 100'], '4d fc 6c 6c 65 72', 'Müller'],
    ['Cyrillic', ['ISO_IR 144'], 'bb ee da', 'Люк'],
    ['UTF-8', ['ISO_IR 192'], 'e7 8e 8b', '王'],
    ['GB18030', ['GB18030'], 'cd f5', '王'],
    ['Korean by escape', ['', 'ISO 2022 IR 149'], '1b 24 29 43 b1 e8', '김'],
    ['Japanese by escape', ['', 'ISO 2022 IR 87'], '1b 24 42 3b 33 45 44 1b 28 42', '山田'],
    ['Latin-1 by escape', ['', 'ISO 2022 IR 100'], '1b 2d 41 e9', 'é'],
    ['an unknown set', ['ISO_IR 999'], '41', 'A'],
  ])('%s', (_, terms, hex, expected) => {
    expect(textReader(terms)(bytes(hex))).toBe(expected);
  });
});
